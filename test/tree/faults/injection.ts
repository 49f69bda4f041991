// System calls that fail: the nth of a kind, or all that touch one file, in a real command and in all that it starts.
import type { Program } from '../program.ts';

const STRACE = ['strace', '--seccomp-bpf', '-f', '-o', '/dev/null'] as const;

/** What is to fail. */
export interface SystemFault {
  readonly calls: readonly string[];
  readonly error: 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EROFS';
  /** The nth call in each thread; all without it. Of fsync not the first three: Node has some for its own output. */
  readonly nth?: number;
  /** Only calls that touch this file. */
  readonly path?: string;
}

/** The same program, in which system calls fail. */
export function failing(program: Program, { calls, error, nth, path }: SystemFault): Program {
  const when = nth === undefined ? '' : `:when=${nth}`;
  const only = path === undefined ? [] : ['-P', path];
  const inject = `inject=${calls.join(',')}:error=${error}${when}`;
  return program.with({
    // the fewer threads, the more of the calls are counted together
    env: { UV_THREADPOOL_SIZE: '1' },
    through: [...STRACE, '-e', `trace=${calls.join(',')}`, ...only, '-e', inject],
  });
}
