// Device numbers, as stat gives them and as the kernel prints them.

/** A device number (`dev` or `rdev` of a stat, in glibc's layout) as its two parts. */
export function deviceNumberParts(device: number): { major: number; minor: number } {
  const value = BigInt(device);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn);
  const minor = (value & 0xffn) | ((value >> 12n) & ~0xffn & 0xffffffffn);
  return { major: Number(major), minor: Number(minor) };
}

/** A device number as sysfs and mountinfo write it: `major:minor`, decimal. */
export function deviceNumberText(device: number): string {
  const { major, minor } = deviceNumberParts(device);
  return `${major}:${minor}`;
}
