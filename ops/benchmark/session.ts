// ops/bench session: starts, checkpoints, suspends and resumes of two desktops, beside CRIU by itself on the same processes.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StartReport, StatusReport } from '../../src/session/operation/operations.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { releaseDevice } from '../../src/session/pod/release.ts';
import { restoreTree } from '../../src/sync/files/restore.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { run } from '../../src/sync/process.ts';
import { haveBase } from '../have-base.ts';
import { Program } from '../user/program.ts';
import { bareDump, bareRestore } from './bare-criu.ts';
import { openApplications, PAPER_BASE, PAPER_PACKAGES, writeDocuments } from './paper-desktop.ts';
import { Findings, type Limit } from './report.ts';

const PASSPHRASE = 'correct horse battery staple';
const CRIU = 'bare criu';

const LIMITS: readonly Limit[] = [
  { name: 'start from scratch', unit: 's', peerName: 'resume, to the first pixel' },
  { name: 'suspend: pause', unit: 'ms', peerName: CRIU, limit: 1.3 },
  { name: 'suspend: screen gone', unit: 'ms', peerName: CRIU },
  { name: 'suspend: safe to unplug', unit: 'ms', peerName: 'budget', budget: 1500, limit: 1 },
  { name: 'resume', unit: 'ms', peerName: CRIU },
  { name: 'resume: first pixel', unit: 'ms', peerName: 'budget', budget: 900, limit: 1 },
  { name: 'process images', unit: 'MB', peerName: CRIU },
  { name: 'written by the first checkpoint', unit: 'MB', peerName: CRIU },
  { name: 'written by the second, idle', unit: 'MB', peerName: CRIU, limit: 0.05 },
  { name: 'live checkpoint: pause', unit: 'ms', peerName: CRIU, limit: 1.2 },
  { name: 'small desktop: live pause', unit: 'ms', peerName: CRIU, limit: 1.2 },
  { name: 'small desktop: live pause', unit: 'ms', peerName: 'budget', budget: 200, limit: 1 },
];

/** Processes that together use less than this much of a core do nothing that anyone waits for. */
const IDLE_SHARE = 0.04;
const IDLE_SPAN_MS = 1000;
const IDLE_TIMEOUT_MS = 60_000;

/** How a measurement is made. */
export interface SessionOptions {
  readonly runs: number;
  readonly isJson: boolean;
}

/** Measures below `place` and prints the rows; returns true if all hold. */
export async function measureSession(place: string, options: SessionOptions): Promise<boolean> {
  await haveBase(PAPER_BASE, PAPER_PACKAGES);
  const memory = join(place, 'memory');
  await mkdir(memory);
  await run('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'tmpfs', memory]);
  const findings = new Findings();
  try {
    for (let i = 0; i < options.runs; i++) {
      await onNewPod(place, PAPER_BASE, '3G', (pod) => measurePaper(pod, memory, findings));
      await onNewPod(place, 'desktop', '800M', (pod) => measureSmall(pod, memory, findings));
      process.stderr.write(`${i + 1} of ${options.runs} runs\n`);
    }
  } finally {
    await run('umount', [memory]);
  }
  return findings.report(LIMITS, options.isJson);
}

/** A pod on an image file, and the program that works with it. */
interface BenchPod {
  readonly program: Program;
  readonly device: string;
}

async function onNewPod(
  place: string,
  base: string,
  size: string,
  act: (pod: BenchPod) => Promise<void>,
): Promise<void> {
  const device = join(place, 'stick.img');
  const passphraseFile = join(place, 'passphrase');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const program = new Program(passphraseFile, new AbortController().signal);
  try {
    await program.json('create', device, '--size', size, '--base', base, '--no-runtime');
    await act({ program, device });
  } finally {
    await releaseDevice(device);
    await rm(device, { force: true });
  }
}

async function measurePaper(pod: BenchPod, memory: string, findings: Findings): Promise<void> {
  const { program, device } = pod;
  await start(pod);
  await writeDocuments(program, device);
  await program.json('stop', '-d', device);

  const startedMs = performance.now();
  await start(pod, '--fresh');
  await openApplications(program, device);
  findings.note('start from scratch', 'deskpod', (performance.now() - startedMs) / 1000);

  await untilIdle(await rootPidOf(pod));
  const first = await program.json<CheckpointReport>('suspend', '-d', device);
  findings.note('suspend: pause', 'deskpod', first.pauseMs);
  findings.note('suspend: screen gone', 'deskpod', first.suspendMs);
  findings.note('suspend: safe to unplug', 'deskpod', first.durableMs);
  findings.note('process images', 'deskpod', first.imageBytes / 1e6);
  findings.note('written by the first checkpoint', 'deskpod', (first.deviceBytes ?? Number.NaN) / 1e6);

  const resumed = await start(pod);
  findings.note('resume', 'deskpod', resumed.resumeMs);
  findings.note('resume: first pixel', 'deskpod', resumed.firstPixelMs);
  findings.note('start from scratch', 'resume, to the first pixel', resumed.firstPixelMs / 1000);
  await untilIdle(await rootPidOf(pod));
  const second = await program.json<CheckpointReport>('suspend', '-d', device);
  findings.note('written by the second, idle', 'deskpod', (second.deviceBytes ?? Number.NaN) / 1e6);

  await start(pod);
  const rootPid = await rootPidOf(pod);
  await untilIdle(rootPid);
  const bare = await bareDump(rootPid, join(memory, 'bare'));
  findings.note('suspend: pause', CRIU, bare.pauseMs);
  findings.note('live checkpoint: pause', CRIU, bare.pauseMs);
  findings.note('suspend: screen gone', CRIU, bare.dumpMs);
  for (const name of ['process images', 'written by the first checkpoint', 'written by the second, idle'])
    findings.note(name, CRIU, bare.imageBytes / 1e6);
  await rm(join(memory, 'bare'), { recursive: true });
  const live = await program.json<CheckpointReport>('checkpoint', '-d', device);
  findings.note('live checkpoint: pause', 'deskpod', live.pauseMs);
  await program.json('suspend', '-d', device);
  findings.note('resume', CRIU, await restoreBare(device, join(memory, 'images')));
}

/** A window manager, a terminal and an editor. */
async function measureSmall(pod: BenchPod, memory: string, findings: Findings): Promise<void> {
  const { program, device } = pod;
  await start(pod);
  for (const command of ['xterm', 'mousepad'])
    await program.exec(device, 'sh', '-c', `setsid -f ${command} >/dev/null 2>&1 </dev/null`);
  const seen = 'until xwininfo -root -tree | grep -qi mousepad; do sleep 0.1; done';
  await program.exec(device, 'timeout', '30', 'sh', '-c', seen);
  const rootPid = await rootPidOf(pod);
  await untilIdle(rootPid);
  const { pauseMs } = await program.json<CheckpointReport>('checkpoint', '-d', device);
  findings.note('small desktop: live pause', 'deskpod', pauseMs);
  const bare = await bareDump(rootPid, join(memory, 'bare'));
  findings.note('small desktop: live pause', CRIU, bare.pauseMs);
  await rm(join(memory, 'bare'), { recursive: true });
  await program.json('stop', '-d', device);
}

function start({ program, device }: BenchPod, ...options: string[]): Promise<StartReport> {
  return program.json<StartReport>('start', device, '--no-view', ...options);
}

async function rootPidOf({ program, device }: BenchPod): Promise<number> {
  const { rootPid } = await program.json<StatusReport>('status', '-d', device);
  if (rootPid === undefined) throw new Error('the session has no process');
  return rootPid;
}

/** CRIU by itself makes the processes of the last checkpoint, from images that lie in memory already. */
async function restoreBare(device: string, imagesDir: string): Promise<number> {
  const desktop = await Desktop.take(await openDevice(device, { passphrase: PASSPHRASE }), () => undefined);
  try {
    const images = desktop.pod.state.checkpoints.at(-1)?.images;
    if (images === undefined) throw new Error('the last checkpoint has no images');
    await mkdir(imagesDir);
    await restoreTree(images, desktop.pod.content, imagesDir, { overwrite: true });
    await desktop.root.mount();
    return await bareRestore(imagesDir, desktop.root.mergedDir);
  } finally {
    await desktop.close();
    await rm(imagesDir, { recursive: true });
  }
}

/** Waits until the processes of a session have nothing to do: what starts up is neither here nor there. */
async function untilIdle(rootPid: number): Promise<void> {
  const ticksPerSecond = 100;
  const deadlineMs = performance.now() + IDLE_TIMEOUT_MS;
  let [before, beforeMs] = [await ticksOf(rootPid), performance.now()];
  while (performance.now() < deadlineMs) {
    await delay(IDLE_SPAN_MS);
    const [now, nowMs] = [await ticksOf(rootPid), performance.now()];
    if ((now - before) / ticksPerSecond < (IDLE_SHARE * (nowMs - beforeMs)) / 1000) return;
    [before, beforeMs] = [now, nowMs];
  }
}

/** Processor time of a process and all below it, in clock ticks. */
async function ticksOf(pid: number): Promise<number> {
  let fields: string[];
  let children: string;
  try {
    fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).replace(/^.*\) /s, '').split(' ');
    children = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return 0;
    throw error;
  }
  let ticks = Number(fields[11]) + Number(fields[12]);
  for (const child of children.split(' ').filter((text) => text !== ''))
    ticks += await ticksOf(Number(child));
  return ticks;
}
