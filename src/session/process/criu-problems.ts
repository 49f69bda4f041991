// CRIU's log read for people: which line says why, whether trying again helps, and one sentence for the user.
import { readFile } from 'node:fs/promises';

/** Lines that CRIU calls errors and that are not why it failed. */
const HARMLESS = [/rlimit/i, /already assigned/, /(Dumping|Restoring) FAILED/, /^\s*$/];

/** States that pass by themselves within milliseconds: a queue that is read, a connection that is accepted. */
const TRANSIENT = [
  /Control messages in queue/,
  /The socket has data to read/,
  /half of stream unix connection/,
  /External socket is used/,
  // The other end is outside the session's network namespace: a viewer that is just going away.
  /Unix socket \d+ not found/,
  /in-flight/i,
  /Can't (?:seize|interrupt|freeze)/i,
  /Unable to interrupt task/,
  /timeout.*freez/i,
];

/**
 * A watched file whose directory entry the kernel has dropped from memory: overlayfs then gives no handle for it, and
 * CRIU cannot tell what is watched.
 */
const FORGOTTEN_ENTRY = /error parsing \[inotify/;

/** What the user can do about states that do not pass. */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/No space left on device/i, 'there is not enough memory for the images'],
  [
    /External socket is used|half of stream unix|Unix socket \d+ not found/,
    'a program outside the session is still connected to it',
  ],
  [/Control messages in queue/, 'a program does not read a message with credentials that waits for it'],
  [/ctty inheritance/, 'a program holds its terminal in a way that cannot be checkpointed'],
  [
    /io_uring|bpf|perf_event|userfaultfd|seccomp notify/,
    'a program uses a kernel object that cannot be checkpointed',
  ],
  [/Zombies with threads|nested user namespace/, 'a program is in a state that cannot be checkpointed'],
  [/ghost file/, 'a program holds a deleted file of more than 64 MiB open'],
  [/has bad (?:size|mtime|build)/, 'the files of the pod are not those of the moment of the checkpoint'],
  [/xsave|CPU (?:instruction|xfeatures)|FPU feature/, 'this processor lacks something that the session uses'],
  [
    /Can't open (?:dir )?.*No such file|Can't mount at|Can't mount .*No such file/,
    'this host lacks a place that the session has mounted',
  ],
];

/** Why CRIU failed. */
export interface CriuProblem {
  /** The first line of the log that is a real error, without its time stamp. */
  readonly line: string;
  /** The same in words for the user. */
  readonly sentence: string;
  /** True if a dump may succeed a moment later. */
  readonly isTransient: boolean;
  /** True if a dump may succeed once every directory entry has been looked up. */
  readonly needsEntries: boolean;
}

/** Reads why CRIU failed from its log; `fallback` (what it printed) serves if the log says nothing. */
export async function readCriuProblem(logFile: string, fallback: string): Promise<CriuProblem> {
  const log = await readFile(logFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    // CRIU ended before it opened its log: what it printed is all there is.
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const errors = log
    .split('\n')
    .filter((line) => line.includes('Error'))
    .map((line) => line.replace(/^\([\d.]+\)\s*/, '').trim())
    .filter((line) => !HARMLESS.some((pattern) => pattern.test(line)));
  const line = errors[0] ?? fallback.trim().split('\n').at(-1) ?? '';
  const sentence = SENTENCES.find(([pattern]) => errors.some((error) => pattern.test(error)))?.[1];
  return {
    line,
    sentence: sentence ?? 'CRIU gave up',
    needsEntries: errors.some((error) => FORGOTTEN_ENTRY.test(error)),
    isTransient: errors.some((error) => TRANSIENT.some((pattern) => pattern.test(error))),
  };
}
