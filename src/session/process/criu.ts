// CRIU: writes the processes of a session into images, and makes processes of images again.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { Programs } from '../host/programs.ts';
import { OutputError, runToFile } from '../host/run-to-file.ts';
import { GHOST_LIMIT_MEBIBYTES, type ObstacleKind } from '../preflight/obstacle-kinds.ts';
import { readCriuProblem } from './criu-problems.ts';
import { type DumpStats, readDumpStats } from './criu-stats.ts';
import { type FrozenWork, openFreezeHook } from './freeze-hook.ts';
import { RESTORE_NETWORK_SCRIPT } from './restore-network.ts';
import { endStrayDump } from './session-members.ts';

/** A session must not stand still for ever because CRIU does: ended, it lets the session go on. */
const CRIU_TIMEOUT_MS = 180_000;

/** What dump and restore agree on. */
const SHARED_FLAGS = [
  '--file-locks',
  '--ext-unix-sk',
  // Connections to other computers end, as when a cable is pulled.
  '--tcp-close',
  // So do those that a program has not taken yet.
  '--skip-in-flight',
  // Devices such as /dev/null are bound from the host: found by name there, not archived.
  '--external',
  'mnt[]:m',
  '--manage-cgroups=ignore',
  '--link-remap',
  // The network namespace is made anew, with the loopback that RESTORE_NETWORK_SCRIPT brings up: nothing else in it lasts. Saves
  // running ip and iptables half a dozen times while the session stands still, and a host without iptables will do.
  '--empty-ns',
  'net',
  '--ghost-limit',
  `${GHOST_LIMIT_MEBIBYTES}M`,
  // Errors only: CRIU writes its log while the session stands still.
  '-v1',
];

/**
 * How long CRIU may take to stop every process, in seconds. All that it has stopped by then stand still, and one that
 * waits in the kernel may never follow.
 */
const STOP_TIMEOUT = ['--timeout', '5'];

/** How {@link criuDump} works, and what is done meanwhile: its end is waited for in any case. */
export interface DumpOptions extends FrozenWork {
  /** Host pid of the session's pid 1. */
  readonly rootPid: number;
  readonly mergedDir: string;
  /** An empty folder for the images, on a tmpfs if the pause matters. */
  readonly imagesDir: string;
  /** Where log and statistics go. */
  readonly workDir: string;
  /** False ends the session when its images are written. */
  readonly leaveRunning: boolean;
}

/** A dump that failed. The session goes on, unless `areImagesComplete`. */
export class DumpFailure extends Error {
  readonly isTransient: boolean;
  /** True if looking up every directory entry of the root file system may help. */
  readonly needsEntries: boolean;
  /** True if everything was written, and CRIU was ended only afterwards. */
  readonly areImagesComplete: boolean;
  /** What was in the way, as far as CRIU's log tells. */
  readonly kind: ObstacleKind | undefined;
  /** True if no program of the session is the cause. */
  readonly isOfHost: boolean;
  /** The host's pid of the process that it was at. */
  readonly hostPid: number | undefined;
  readonly sentence: string;
  readonly logFile: string;

  constructor(line: string, fields: Omit<DumpFailure, keyof Error>, cause: unknown) {
    super(`${line} (log: ${fields.logFile})`, { cause });
    this.name = 'DumpFailure';
    this.isTransient = fields.isTransient;
    this.needsEntries = fields.needsEntries;
    this.areImagesComplete = fields.areImagesComplete;
    this.kind = fields.kind;
    this.isOfHost = fields.isOfHost;
    this.hostPid = fields.hostPid;
    this.sentence = fields.sentence;
    this.logFile = fields.logFile;
  }
}

/**
 * Dumps a session once.
 * @throws DumpFailure; whatever the work on the session threw; DeskPodError RUNTIME_MISSING without CRIU.
 */
export async function criuDump(programs: Programs, options: DumpOptions): Promise<DumpStats> {
  const { rootPid, mergedDir, imagesDir, workDir, leaveRunning } = options;
  const logFile = `${workDir}/dump.log`;
  await rm(logFile, { force: true });
  await rm(`${workDir}/stats-dump`, { force: true });
  const hook = await openFreezeHook(workDir, options);
  try {
    await criu(programs, `${workDir}/dump.out`, [
      'dump',
      ...['--tree', `${rootPid}`, '--images-dir', imagesDir, '--work-dir', workDir, '--log-file', logFile],
      ...['--root', mergedDir, '--network-lock', 'skip', ...SHARED_FLAGS, ...hook.criuArgs],
      ...(leaveRunning ? ['--leave-running'] : []),
      ...STOP_TIMEOUT,
    ]);
  } catch (error) {
    if (error instanceof OutputError && error.process.signal !== undefined) await endStrayDump(imagesDir);
    if (hook.failure() !== undefined) throw hook.failure();
    if (!(error instanceof OutputError)) throw error;
    const problem = await readCriuProblem(logFile, error.output);
    const line =
      error.process.signal === undefined ? problem.line : `criu was ended by ${error.process.signal}`;
    throw new DumpFailure(
      line,
      {
        isTransient: problem.isTransient || error.process.signal !== undefined,
        needsEntries: problem.needsEntries,
        areImagesComplete: hook.isReached(),
        kind: problem.kind,
        isOfHost: problem.isOfHost,
        hostPid: problem.hostPid,
        sentence: problem.sentence,
        logFile,
      },
      error,
    );
  } finally {
    await hook.close();
  }
  return (await readDumpStats(workDir)) ?? { pauseMs: 0, writtenPageCount: 0 };
}

/** Where the pid of a session's first process is kept that CRIU has made. */
export function restoredPidFile(workDir: string): string {
  return `${workDir}/restore.pid`;
}

/** How {@link criuRestore} works. */
export interface RestoreOptions {
  readonly imagesDir: string;
  readonly workDir: string;
  /** A private mount of the root file system. */
  readonly rootDir: string;
  /** Files of the control group that the processes are made in. */
  readonly joins: readonly string[];
}

/**
 * Makes processes of images.
 * @returns the host's pid of the session's pid 1.
 * @throws DeskPodError RESUME_FAILED; RUNTIME_MISSING without CRIU.
 */
export async function criuRestore(
  programs: Programs,
  { imagesDir, workDir, rootDir, joins }: RestoreOptions,
): Promise<number> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  const logFile = `${workDir}/restore.log`;
  const pidFile = restoredPidFile(workDir);
  // CRIU does not overwrite a pid file.
  for (const path of [logFile, pidFile, `${workDir}/stats-restore`]) await rm(path, { force: true });
  const networkScript = `${workDir}/restore-network.sh`;
  await writeFile(networkScript, RESTORE_NETWORK_SCRIPT, { mode: 0o700 });
  try {
    const flags = [
      ...['--images-dir', imagesDir, '--work-dir', workDir, '--log-file', logFile, '--root', rootDir],
      ...['--restore-detached', '--pidfile', pidFile, '--action-script', networkScript, ...SHARED_FLAGS],
    ];
    await criu(programs, `${workDir}/restore.out`, ['restore', ...flags], joins);
    return Number(await readFile(pidFile, 'utf8'));
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    const problem = await readCriuProblem(logFile, error.output);
    const line =
      error.process.signal === undefined ? problem.line : `criu was ended by ${error.process.signal}`;
    throw new DeskPodError('RESUME_FAILED', `the session could not be resumed: ${problem.sentence}`, {
      hint: 'Resume an earlier checkpoint, or start the pod afresh: its files are all there.',
      details: { error: line, logFile, imagesDir },
      cause: error,
    });
  }
}

/**
 * Lets CRIU find out what this kernel can do. It keeps the answer in /run: asked ahead, a first dump or restore is
 * about as quick as the next.
 */
export async function warmUpCriu(programs: Programs): Promise<void> {
  try {
    await criu(programs, '/dev/null', ['check']);
  } catch (error) {
    // The answer is kept even if the check misses something; what is missing shows where it is needed.
    if (!(error instanceof OutputError)) throw error;
  }
}

/** Removes the images of a dump that failed, so that another can be tried in the same folder. */
export async function emptyImages(imagesDir: string): Promise<void> {
  for (const name of await readdir(imagesDir))
    await rm(`${imagesDir}/${name}`, { recursive: true, force: true });
}

function criu(
  programs: Programs,
  outputFile: string,
  args: readonly string[],
  joins: readonly string[] = [],
): Promise<void> {
  return runToFile(programs.criu, args, outputFile, { timeoutMs: CRIU_TIMEOUT_MS, joins });
}
