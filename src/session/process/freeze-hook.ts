// What happens while a session stands still: CRIU calls out when all of it has stopped, and again when its images are complete,
// for which it waits for an answer.
import { closeSync, constants, existsSync, open, openSync, writeSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { promisify } from 'node:util';
import { run } from '../../sync/process.ts';

const openFile = promisify(open);

/** If this process dies before CRIU calls, nobody answers: after this time the session goes on, not checkpointed. */
const UNANSWERED_SECONDS = 120;

/** What is done while a session stands still. The signal aborts when the dump is over: the session may run again then. */
export interface FrozenWork {
  /** Begins when every task has stopped, beside CRIU, which writes its images. If it fails, the session goes on. */
  readonly whileStopped?: (signal: AbortSignal) => Promise<void>;
  /**
   * Begins when the images are complete and what began before has ended. The files of the session are of the instant of its
   * memory, with the names that CRIU gives to deleted files which are still open. If it fails, the session goes on.
   */
  readonly whileFrozen?: (signal: AbortSignal) => Promise<void>;
}

/** As `nice` counts. */
const CRIU_PRIORITY = -15;

/** The hook of one dump. */
export interface FreezeHook {
  /** Arguments for `criu dump`. */
  readonly criuArgs: readonly string[];
  /** True once CRIU had written every image, with every task of the session still frozen. */
  readonly isReached: () => boolean;
  /** What the work threw, if it did: CRIU then let the session go on and failed. */
  readonly failure: () => unknown;
  /** Aborts the work if it still goes on, and waits until it has ended. */
  close(): Promise<void>;
}

/**
 * Prepares the hook: when CRIU calls, the work is done, and between the images and the thaw CRIU waits until it has settled,
 * whether the session is then ended or goes on.
 * @param dir a folder for two pipes, which are gone after {@link FreezeHook.close}.
 */
export async function openFreezeHook(
  dir: string,
  { whileStopped = async () => undefined, whileFrozen = async () => undefined }: FrozenWork,
): Promise<FreezeHook> {
  const over = new AbortController();
  let stopped: Promise<void> | undefined;
  let answered: Promise<unknown> = Promise.resolve();

  const { callPath, answerPath, scriptPath } = pathsIn(dir);
  const removeAll = async (): Promise<void> => {
    for (const path of [callPath, answerPath, scriptPath]) await rm(path, { force: true });
  };
  await removeAll();
  await run('mkfifo', ['-m', '600', callPath, answerPath]);
  // Open for both directions: neither end then waits in open(), and CRIU's end reads end-of-file if this process dies.
  const call = new Socket({
    fd: await openFile(callPath, constants.O_RDWR | constants.O_NONBLOCK),
    writable: false,
  });
  const answerFd = await openFile(answerPath, constants.O_RDWR | constants.O_NONBLOCK);
  const answer = new Socket({ fd: answerFd, readable: false });
  let isReached = false;
  let failure: unknown;
  let called = '';
  call.on('data', (bytes) => {
    called += bytes;
    if (stopped === undefined && called.includes('\n')) {
      goFirst(Number(/^stopped (\d+)$/m.exec(called)?.[1]));
      stopped = whileStopped(over.signal);
      // whoever waits for the answer is told
      stopped.catch(() => undefined);
    }
    if (isReached || !called.includes('frozen\n')) return;
    isReached = true;
    answered = Promise.resolve(stopped)
      .then(() => whileFrozen(over.signal))
      .then(
        () => answer.write('ok\n'),
        (error: unknown) => {
          failure = error ?? new Error('the work on the frozen session failed');
          answer.write('no\n');
        },
      );
  });
  await writeFile(scriptPath, hookScript(callPath, answerPath), { mode: 0o700 });
  return {
    criuArgs: ['--action-script', scriptPath],
    isReached: () => isReached,
    failure: () => failure,
    close: async () => {
      // CRIU has ended: if the work goes on, the session does too, and what it would still read is of another instant.
      over.abort();
      await Promise.allSettled([stopped, answered]);
      call.destroy();
      answer.destroy();
      await removeAll();
    },
  };
}

/** CRIU goes before whatever works beside it: the session stands still until it is done. */
function goFirst(pid: number): void {
  if (!Number.isInteger(pid)) return;
  try {
    setPriority(pid, CRIU_PRIORITY);
  } catch {
    // without the right to that it takes its turns, and somewhat longer
  }
}

/** True while a hook is prepared in `dir`, or after whoever had prepared it was killed. */
export function isHooked(dir: string): boolean {
  return existsSync(pathsIn(dir).scriptPath);
}

/**
 * Answers no to the hook in `dir` if CRIU has called, in the place of whoever was killed: the session goes on. Returns
 * what ends the answer, once CRIU has ended.
 */
export function refuseHook(dir: string): () => void {
  const { callPath, answerPath } = pathsIn(dir);
  const fds: number[] = [];
  try {
    // without a reader the call would wait
    fds.push(openSync(callPath, constants.O_RDONLY | constants.O_NONBLOCK));
    fds.push(openSync(answerPath, constants.O_WRONLY | constants.O_NONBLOCK));
    writeSync(fds[1] ?? -1, 'no\n');
  } catch (error) {
    // it has not called yet, or has its answer
    if (!['ENXIO', 'ENOENT', 'EPIPE', 'EAGAIN'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  }
  return () => {
    for (const fd of fds) closeSync(fd);
  };
}

function pathsIn(dir: string): { callPath: string; answerPath: string; scriptPath: string } {
  return {
    callPath: `${dir}/frozen.call`,
    answerPath: `${dir}/frozen.answer`,
    scriptPath: `${dir}/frozen.sh`,
  };
}

/**
 * CRIU calls for its network when every task has stopped; for that it waits for nobody, and a pipe that is open for both directions
 * needs no reader. For the answer its pipe is opened first: the call then always finds this process waiting for it.
 */
function hookScript(callPath: string, answerPath: string): string {
  const wait = 'exec 4<"$2"; echo frozen >"$1"; read answer <&4; [ "$answer" = ok ]';
  return [
    '#!/bin/sh',
    'case $CRTOOLS_SCRIPT_ACTION in',
    `network-lock) echo "stopped $PPID" 1<>${quote(callPath)} ;;`,
    `post-dump) exec timeout ${UNANSWERED_SECONDS} sh -c ${quote(wait)} sh ${quote(callPath)} ${quote(answerPath)} ;;`,
    'esac',
    '',
  ].join('\n');
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
