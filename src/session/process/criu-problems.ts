// CRIU's log read for people: which kind of failure it tells of, at which process, and whether trying again helps.
import { readFile } from 'node:fs/promises';
import { OBSTACLE_KIND_NAMES, OBSTACLE_KINDS, type ObstacleKind } from '../preflight/obstacle-kinds.ts';

/** Lines that CRIU calls errors and that are not why it failed. */
const HARMLESS = [/rlimit/i, /already assigned/, /(Dumping|Restoring) FAILED/, /^\s*$/];

/**
 * A watched file whose directory entry the kernel has dropped from memory: overlayfs then gives no handle for it, and
 * CRIU cannot tell what is watched.
 */
const FORGOTTEN_ENTRY = /error parsing \[inotify/;

/** How errors name the process that CRIU was at, by its pid on the host. */
const PROCESS = /\(pid: (\d+)\)|(?:namespace|VM id|FS id) for (\d+)|non-zombie (\d+)/;

/** Failures that no program of the session is the cause of. */
const OTHER_CAUSES: readonly (readonly [RegExp, string])[] = [
  [/No space left on device/i, 'there is not enough memory for the images'],
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
  /** The same in words for the user, who does not know which program it is. */
  readonly sentence: string;
  /** Undefined for what is not known, and for what is not a program's doing. */
  readonly kind: ObstacleKind | undefined;
  /** True if the host is the cause, or the device, and no program of the session. */
  readonly isOfHost: boolean;
  /** The host's pid of the process that CRIU was at, if its log says so. */
  readonly hostPid: number | undefined;
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
  return explainLog(log, fallback);
}

/** The same, of the log's text. */
export function explainLog(log: string, fallback: string): CriuProblem {
  const errors = log
    .split('\n')
    .filter((line) => line.includes('Error'))
    .map((line) => line.replace(/^\([\d.]+\)\s*/, '').trim())
    .filter((line) => !HARMLESS.some((pattern) => pattern.test(line)));
  const pids = errors.flatMap((error) => PROCESS.exec(error)?.slice(1).find(Boolean) ?? []);
  const isSaid = (pattern: RegExp) => errors.some((error) => pattern.test(error));
  const other = OTHER_CAUSES.find(([pattern]) => isSaid(pattern))?.[1];
  const kind =
    other === undefined ? OBSTACLE_KIND_NAMES.find((name) => isSaid(OBSTACLE_KINDS[name].criu)) : undefined;
  return {
    line: errors[0] ?? fallback.trim().split('\n').at(-1) ?? '',
    sentence: other ?? (kind === undefined ? 'CRIU gave up' : `a program ${OBSTACLE_KINDS[kind].text}`),
    kind,
    isOfHost: other !== undefined,
    hostPid: pids[0] === undefined ? undefined : Number(pids[0]),
    isTransient: kind !== undefined && OBSTACLE_KINDS[kind].isTransient,
    needsEntries: isSaid(FORGOTTEN_ENTRY),
  };
}
