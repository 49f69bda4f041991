// System calls that fail: the nth of a kind, or all that touch one file, in a real command and in all that it starts.
import assert from 'node:assert/strict';
import { EXIT_STATUS, exitStatusOf } from '../../../src/cli/exit-codes.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import type { Failure, Program } from '../program.ts';

const STRACE = ['strace', '--seccomp-bpf', '-f', '-o', '/dev/null'] as const;

/** What a failed call may come to, whichever it is. */
export const FAULT_CODES: readonly ErrorCode[] = [
  ...(['SPACE_EXHAUSTED', 'TARGET_WRITE_FAILED', 'FILE_UNREADABLE', 'LOG_DAMAGED'] as const),
  ...(['HOME_FULL', 'HOME_UNREACHABLE'] as const),
];

/** What is to fail. */
export interface SystemFault {
  readonly calls: readonly string[];
  readonly error: 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EROFS' | 'EINTR';
  /** The nth call in each thread; all without it. Of fsync not the first three: Node has some for its own output. */
  readonly nth?: number;
  /** With `nth`: from that one on every so many fail. */
  readonly step?: number;
  /** Only calls that touch this file. */
  readonly path?: string;
}

/** The same program, in which system calls fail. */
export function failing(program: Program, { calls, error, nth, step, path }: SystemFault): Program {
  const when = nth === undefined ? '' : `:when=${nth}${step === undefined ? '' : `+${step}`}`;
  const only = path === undefined ? [] : ['-P', path];
  const inject = `inject=${calls.join(',')}:error=${error}${when}`;
  return program.with({
    // the fewer threads, the more of the calls are counted together
    env: { UV_THREADPOOL_SIZE: '1' },
    through: [...STRACE, '-e', `trace=${calls.join(',')}`, ...only, '-e', inject],
  });
}

/**
 * Runs a command with a fault; gives its failure, undefined if it did well, or as well as could be. Fails unless what it says is for a user: one
 * object with a code, a hint and the exit status that the table promises.
 */
export async function failureUnder(
  fault: SystemFault,
  program: Program,
  args: readonly string[],
): Promise<Failure | undefined> {
  const { status, signal, stdout, stderr } = await failing(program, fault).run(['--json', ...args]);
  const said = `${JSON.stringify(fault)}: ${status} ${signal} ${stdout}${stderr}`;
  assert.doesNotMatch(stderr, /defect of deskpod/, said);
  if (status === EXIT_STATUS.ok || status === EXIT_STATUS.partlyDone) return undefined;
  const { error } = JSON.parse(stdout) as { error: Failure };
  assert.equal(status, exitStatusOf(error.code as ErrorCode), said);
  assert.ok(error.hint, said);
  return error;
}
