// The programs that a host must have, with the Debian package of each; and the versions of those that DeskPod brings along.
import { access, constants } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { ProcessError, run } from '../../sync/process.ts';
import type { HostFact } from './host.ts';
import { programFolders, programsIn } from './programs.ts';

interface WantedProgram {
  readonly name: string;
  readonly debianPackage: string;
  /** What alone needs it; a program that everything needs has none. */
  readonly onlyFor?: string;
}

const WANTED: readonly WantedProgram[] = [
  { name: 'mount', debianPackage: 'mount' },
  { name: 'losetup', debianPackage: 'mount' },
  { name: 'blkid', debianPackage: 'util-linux' },
  { name: 'wipefs', debianPackage: 'util-linux' },
  { name: 'mkfs.ext4', debianPackage: 'e2fsprogs' },
  { name: 'e2fsck', debianPackage: 'e2fsprogs' },
  { name: 'debugfs', debianPackage: 'e2fsprogs' },
  { name: 'rsync', debianPackage: 'rsync' },
  { name: 'ip', debianPackage: 'iproute2' },
  { name: 'nsenter', debianPackage: 'util-linux' },
  // CRIU's, for what lies in the memory of /dev
  { name: 'tar', debianPackage: 'tar' },
  { name: 'gzip', debianPackage: 'gzip' },
  { name: 'pasta', debianPackage: 'passt' },
  { name: 'ssh', debianPackage: 'openssh-client', onlyFor: 'homes on other computers' },
  { name: 'cryptsetup', debianPackage: 'cryptsetup-bin', onlyFor: 'vaults of kind luks' },
  { name: 'age', debianPackage: 'age', onlyFor: 'reading a repository without deskpod' },
  { name: 'chromium', debianPackage: 'chromium', onlyFor: 'opening the viewer on a host without a browser' },
];

/** Facts of the programs. One that only some need is `ok` without being there. */
export async function examinePrograms(): Promise<HostFact[]> {
  const programs = programsIn();
  return [
    ...(await Promise.all(WANTED.map(examine))),
    await examineVersion('criu', programs.criu, /Version: (\d+)\.(\d+)/, [4, 2]),
    await examineVersion('runc', programs.runc, /runc version (\d+)\.(\d+)\.(\d+)/, [1, 3, 6]),
    ...(process.geteuid?.() === 0 ? [await examineCriu(programs.criu)] : []),
  ];
}

async function examine({ name, debianPackage, onlyFor }: WantedProgram): Promise<HostFact> {
  const needed = `Debian package ${debianPackage}`;
  const path = await findProgram(name);
  if (path !== undefined) return { name, ok: true, found: path, needed, cure: undefined };
  const found = onlyFor === undefined ? 'not there' : `not there, needed only for ${onlyFor}`;
  return { name, ok: onlyFor !== undefined, found, needed, cure: `apt install ${debianPackage}` };
}

async function examineVersion(
  name: string,
  program: string,
  pattern: RegExp,
  oldest: readonly number[],
): Promise<HostFact> {
  const needed = `${oldest.join('.')} or newer`;
  // Debian 12's own are too old: they come in the runtime folder, which one command makes.
  const cure = 'run ops/runtime.sh, which makes the runtime folder';
  if ((await findProgram(program)) === undefined) {
    return { name, ok: false, found: `no ${program}`, needed, cure };
  }
  let text: string;
  try {
    text = (await run(program, ['--version'])).stdout;
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    return { name, ok: false, found: `${program} does not run: ${error.message}`, needed, cure };
  }
  const version = pattern.exec(text)?.slice(1).map(Number) ?? [];
  const ok = isAtLeast(version, oldest);
  return { name, ok, found: version.join('.') || 'unknown version', needed, cure: ok ? undefined : cure };
}

/** What CRIU itself says of the kernel: it looks at more than it uses, and does nothing without it. */
async function examineCriu(program: string): Promise<HostFact> {
  const fact = { name: 'what CRIU needs of the kernel', needed: 'there' };
  try {
    await run(program, ['check']);
    return { ...fact, ok: true, found: 'there', cure: undefined };
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    const found = error.stderrTail.split('\n').find((line) => line.includes('Error')) ?? error.message;
    const cure = 'modprobe -a nf_tables nf_conntrack_netlink unix_diag; or boot a kernel of Debian';
    return { ...fact, ok: false, found, cure };
  }
}

async function findProgram(name: string): Promise<string | undefined> {
  if (isAbsolute(name)) return (await isExecutable(name)) ? name : undefined;
  for (const folder of programFolders()) {
    if (await isExecutable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return false;
    throw error;
  }
}

function isAtLeast(version: readonly number[], oldest: readonly number[]): boolean {
  for (const [index, part] of oldest.entries()) {
    const given = version[index] ?? 0;
    if (given !== part) return given > part;
  }
  return true;
}
