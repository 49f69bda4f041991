// An independent listing of a tree, made by the system's own tools: what has to be identical after a restore.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const MAX_OUTPUT_BYTES = 1 << 28;

/**
 * Every name under `dir` with kind, mode, owner, links, time to the nanosecond, link target, content hash and extended
 * attributes. Sockets are listed without a time; overlayfs's marks of inodes, which belong to one drive, are left out.
 */
export async function listTree(dir: string): Promise<string> {
  const script = `
    set -eu
    cd "$1"
    find . -mindepth 1 ! -type d ! -type s -printf '%p %y %m %U %G %n %s %T@ %l\\0' | sort -z
    find . -mindepth 1 -type d -printf '%p %y %m %U %G %T@\\0' | sort -z
    find . -mindepth 1 -type s -printf '%p %y %m %U %G\\0' | sort -z
    find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z
    find . -print0 | sort -z | xargs -0 -r getfattr -h -d -m - -e hex --absolute-names |
      awk '/^# file: / { file = $0; next } /^$/ { next } /^trusted\\.overlay\\.(origin|impure|uuid|nfs)=/ { next }
           { print file, $0 }'
  `;
  const { stdout } = await execute('bash', ['-c', script, 'bash', dir], {
    maxBuffer: MAX_OUTPUT_BYTES,
    encoding: 'latin1',
  });
  return stdout;
}
