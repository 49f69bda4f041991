// What is mounted, as the kernel tells it.
import { readFile } from 'node:fs/promises';

/** One line of a mountinfo file. Paths are as the reader of that file sees them. */
export interface Mount {
  /** `major:minor` of what is mounted; made up by the kernel where no block device is behind it. */
  readonly deviceNumber: string;
  readonly mountPoint: string;
  readonly fsType: string;
  /** What was mounted, for example `/dev/sdb1`. */
  readonly source: string;
  /** The file system's own options, each `name` or `name=value`. */
  readonly fsOptions: readonly string[];
}

/**
 * Everything mounted in a process's mount namespace, in the order it was mounted.
 * @param process a process id, this process by default
 */
export async function readMounts(process: number | 'self' = 'self'): Promise<Mount[]> {
  const text = await readFile(`/proc/${process}/mountinfo`, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseMount);
}

/** What is mounted on exactly this path: the topmost if there are several, `undefined` if nothing is. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts.findLast((mount) => mount.mountPoint === path);
}

/** True if `path` is `folder` or lies below it; both absolute, without `.` and `..`. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** True if a mount takes its files from `folder`: the layers of an overlay, which keep a file system busy unseen. */
export function buildsOn(mount: Mount, folder: string): boolean {
  return mount.fsOptions.some((option) => {
    const [name, value] = splitOnce(option, '=');
    if (!/^(upperdir|lowerdir\+?|workdir)$/.test(name)) return false;
    return value.split(':').some((path) => isWithin(path, folder));
  });
}

function parseMount(line: string): Mount {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  return {
    deviceNumber: fields[2] ?? '',
    mountPoint: plainText(fields[4] ?? ''),
    fsType: fields[separator + 1] ?? '',
    source: plainText(fields[separator + 2] ?? ''),
    fsOptions: (fields[separator + 3] ?? '').split(',').map(plainText),
  };
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function plainText(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
