// ops/reader as a child process: the second reader of the format, which shares nothing with src.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The program. */
export const READER = fileURLToPath(new URL('../../ops/reader', import.meta.url));

/** How it ended. */
export interface ReaderEnded {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the reader, or a copy of it, to its end, as another user if `uid` says so. */
export function runReader(
  args: readonly string[],
  options: { readonly uid?: number; readonly program?: string } = {},
): Promise<ReaderEnded> {
  const { uid, program = READER } = options;
  const settings = { encoding: 'latin1', ...(uid === undefined ? {} : { uid, gid: uid }) } as const;
  return new Promise((resolve, reject) => {
    // Debian's own Python: another may lie where only its owner gets
    execFile('/usr/bin/python3', [program, ...args], settings, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (typeof status === 'number') resolve({ status, stdout, stderr });
      else reject(error ?? new Error('ended in an unknown way'));
    });
  });
}
