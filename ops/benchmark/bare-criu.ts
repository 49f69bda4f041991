// CRIU by itself, as someone would call it by hand: what a session's checkpoint is measured against.
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readDumpStats } from '../../src/session/process/criu-stats.ts';
import { ProcessError, run } from '../../src/sync/process.ts';

const CRIU = join(process.env.DESKPOD_RUNTIME ?? '/var/lib/deskpod/runtime', 'bin', 'criu');
/** What a session of ours needs of CRIU to be dumped at all. */
const FLAGS = [
  ...['--file-locks', '--ext-unix-sk', '--tcp-close', '--external', 'mnt[]:m', '--manage-cgroups=ignore'],
  ...['--skip-in-flight', '--link-remap', '--empty-ns', 'net', '--ghost-limit', '64M', '-v0'],
];

/** What is in the way of a dump and passes by itself is gone after a few of them. */
const ATTEMPTS = 10;

/** What a dump took. */
export interface BareDump {
  readonly pauseMs: number;
  readonly dumpMs: number;
  readonly imageBytes: number;
}

/**
 * Dumps the session of the host's process `rootPid` into `dir`, a new folder on a tmpfs; it goes on. An attempt that failed,
 * as something was in the way, does not count.
 */
export async function bareDump(rootPid: number, dir: string): Promise<BareDump> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await dumpOnce(rootPid, dir);
    } catch (error) {
      if (!(error instanceof ProcessError) || attempt === ATTEMPTS) throw error;
      await rm(dir, { recursive: true });
    }
  }
}

async function dumpOnce(rootPid: number, dir: string): Promise<BareDump> {
  await mkdir(dir);
  const startedMs = performance.now();
  await run(CRIU, [
    ...['dump', '--leave-running', '-t', `${rootPid}`, '-D', dir, '--root', await rootOf(rootPid)],
    ...['--network-lock', 'skip', ...FLAGS],
  ]);
  const dumpMs = performance.now() - startedMs;
  const figures = await readDumpStats(dir);
  if (figures === undefined) throw new Error(`${dir}: expected CRIU's statistics, got none`);
  let imageBytes = 0;
  for (const name of await readdir(dir)) imageBytes += (await stat(join(dir, name))).size;
  return { pauseMs: figures.pauseMs, dumpMs, imageBytes };
}

/** Makes processes of the images in `dir`, ends them, and says how long the first took. `rootDir` is a mount of their root. */
export async function bareRestore(dir: string, rootDir: string): Promise<number> {
  const pidFile = join(dir, 'restored.pid');
  const startedMs = performance.now();
  await run(CRIU, ['restore', '-d', '-D', dir, '--root', rootDir, '--pidfile', pidFile, ...FLAGS]);
  const restoreMs = performance.now() - startedMs;
  process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
  return restoreMs;
}

/** Where the host sees the root file system of a process: the mount of the same device that its own root is. */
async function rootOf(pid: number): Promise<string> {
  const rootDevice = (table: string): string | undefined =>
    table
      .split('\n')
      .map((line) => line.split(' '))
      .find(([, , , , place]) => place === '/')?.[2];
  const device = rootDevice(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
  const ours = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' '));
  const place = ours.find((fields) => fields[2] === device)?.[4];
  if (place === undefined) throw new Error(`the root of process ${pid} is mounted nowhere on this host`);
  return place;
}
