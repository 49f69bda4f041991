// An independent view of a tree: what find, getfattr and sha256sum say about it, not DeskPod's own scanner.
import { execFileSync } from 'node:child_process';

/** One line for each entry: kind, mode, owner, time, length, target, links, device numbers, path; then attributes and hashes. */
export function listTree(root: string): string[] {
  const run = (program: string, args: readonly string[]): string =>
    execFileSync(program, args, { cwd: root, encoding: 'latin1', env: { ...process.env, LC_ALL: 'C' } });
  const format = '%P\\0%y %m %U:%G %T@ %s %n\\0%l\\0%D:%i\\0%b\\0';
  const fields = run('find', ['.', '-printf', format]).split('\0');
  const inodes = new Map<string, string>();
  const lines: string[] = [];
  const byPath: string[][] = [];
  for (let i = 0; i + 5 <= fields.length; i += 5) byPath.push(fields.slice(i, i + 5));
  byPath.sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
  for (const [path = '', facts = '', target = '', inode = ''] of byPath) {
    // inode numbers differ, but the same names must share one
    const first = inodes.get(inode) ?? path;
    inodes.set(inode, first);
    // the length of a folder is its file system's business
    const shown = facts.startsWith('d ') ? facts.replace(/ \d+ \d+$/, '') : facts;
    lines.push(`${JSON.stringify(path)} ${shown} -> ${JSON.stringify(target)} = ${JSON.stringify(first)}`);
  }
  const devices = run('find', [
    '.',
    '(',
    '-type',
    'c',
    '-o',
    '-type',
    'b',
    ')',
    '-exec',
    'stat',
    '-c',
    '%n %t:%T',
    '{}',
    ';',
  ]);
  lines.push(...devices.split('\n').sort());
  lines.push(...run('getfattr', ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.']).split('\n\n').sort());
  lines.push(...run('find', ['.', '-type', 'f', '-exec', 'sha256sum', '-z', '{}', '+']).split('\0').sort());
  return lines;
}

/** How many bytes each file takes on the drive, by path: holes take none. */
export function storedBytes(root: string, name: string): number {
  const blocks = execFileSync('stat', ['-c', '%b', name], { cwd: root, encoding: 'utf8' });
  return Number(blocks) * 512;
}
