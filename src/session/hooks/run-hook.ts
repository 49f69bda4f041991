// Running one hook: told the event, given a minute, its output read to the end and the last of it kept.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { userInfo } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { closeDescriptorsOnExec } from '../../sync/posix/descriptors.ts';
import type { HookEvent } from './steps.ts';

/** How a hook ended. */
export interface HookRun {
  readonly path: string;
  /** Why it counts as failed, such as `ended with exit code 3`; undefined if it did well. */
  readonly failure: string | undefined;
  readonly durationMs: number;
  readonly outputBytes: number;
  /** The last of what it printed on both its outputs, as UTF-8. */
  readonly outputTail: string;
}

const TAIL_BYTES = 16 * 1024;
/** From SIGTERM to SIGKILL. */
const ENDING_MS = 2000;
/** What a hook has started may hold its output for ever: that much later nobody reads it. */
const DRAIN_MS = 500;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs a hook to its end, or ends it and all of its process group after `limitMs`. Never throws for what a hook does. */
export async function runHook(program: string, event: HookEvent, limitMs: number): Promise<HookRun> {
  closeDescriptorsOnExec();
  const startedMs = performance.now();
  let child: ChildProcessByStdio<Writable, Readable, Readable>;
  try {
    child = spawn(program, [], {
      // a group of its own, so that all of it can be ended
      detached: true,
      cwd: '/',
      env: environmentOf(event),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    // most of what keeps a program from starting is told later; a file that is being written to is refused at once
    const failure = `could not be started (${error instanceof Error ? error.message : String(error)})`;
    return { path: program, failure, durationMs: 0, outputBytes: 0, outputTail: '' };
  }
  const output = new OutputTail();
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => output.add(bytes));
  // it need not read what it is told
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${JSON.stringify(event)}\n`);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const { promise: ended, resolve: noteEnd } = Promise.withResolvers<string | undefined>();
  child.once('error', (error) => noteEnd(`could not be started (${error.message})`));
  child.once('exit', (code, signal) => {
    if (signal !== null) noteEnd(`was ended by ${signal}`);
    else noteEnd(code === 0 ? undefined : `ended with exit code ${code}`);
  });
  const end = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPERM') {
        // it has become another user's, and is not ours to end: nobody waits for it any more
        child.unref();
        noteEnd('could not be ended');
      } else if (code !== 'ESRCH') throw error;
    }
  };
  let isLate = false;
  const timers = [
    setTimeout(() => {
      isLate = true;
      end('SIGTERM');
    }, limitMs),
    setTimeout(() => end('SIGKILL'), limitMs + ENDING_MS),
  ];
  const how = await ended;
  for (const timer of timers) clearTimeout(timer);
  // what it left running of itself is ended with it
  if (isLate) end('SIGKILL');
  const drained = new AbortController();
  await Promise.race([closed, delay(DRAIN_MS, undefined, { signal: drained.signal }).catch(() => undefined)]);
  drained.abort();
  for (const stream of child.stdio) stream?.destroy();
  return {
    path: program,
    failure: isLate ? `took longer than ${limitMs / 1000} s and was ended` : how,
    durationMs: performance.now() - startedMs,
    outputBytes: output.sizeBytes,
    outputTail: output.text,
  };
}

/** Nothing of this process's own environment, in which there may be a passphrase's file. */
function environmentOf({ podId, step, phase }: HookEvent): Record<string, string> {
  return {
    ...{ PATH, LANG: 'C.UTF-8', ...homeOf() },
    ...{ DESKPOD_POD_ID: podId, DESKPOD_STEP: step, DESKPOD_PHASE: phase },
  };
}

function homeOf(): Record<string, string> {
  try {
    const { homedir, username } = userInfo();
    return { HOME: homedir, USER: username, LOGNAME: username };
  } catch {
    // a user whom the host has no name for
    return {};
  }
}

/** The last of an output, whatever its length. */
class OutputTail {
  sizeBytes = 0;
  #pieces: Buffer[] = [];
  #heldBytes = 0;

  add(bytes: Buffer): void {
    this.sizeBytes += bytes.length;
    this.#pieces.push(bytes);
    this.#heldBytes += bytes.length;
    while (this.#heldBytes - (this.#pieces[0]?.length ?? 0) >= TAIL_BYTES)
      this.#heldBytes -= this.#pieces.shift()?.length ?? 0;
  }

  get text(): string {
    return Buffer.concat(this.#pieces).subarray(-TAIL_BYTES).toString('utf8');
  }
}
