// ops/bench sync: backups, restores and verifies beside restic and borg, on the same data, interleaved.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../../src/sync/process.ts';
import { changeData, makeData } from './data.ts';
import { onNewDrive } from './new-drive.ts';
import { RunningDesktop } from './processes.ts';
import { Findings, type Limit } from './report.ts';
import { measureRevisions, REVISIONS_LIMIT } from './revisions.ts';
import { type Taken, type Tool, toolsIn } from './tools.ts';

const LIMITS: readonly Limit[] = [
  { name: 'first backup', unit: 's', peerName: 'restic', limit: 0.6 },
  { name: 'first backup', unit: 's', peerName: 'borg', limit: 0.5 },
  { name: 'nothing changed', unit: 's', peerName: 'restic', limit: 0.2 },
  { name: 'nothing changed, watched', unit: 's', peerName: 'restic', limit: 0.2 },
  { name: 'one file in a hundred changed', unit: 's', peerName: 'restic', limit: 0.4 },
  { name: 'one file in a hundred changed, watched', unit: 's', peerName: 'restic', limit: 0.4 },
  { name: 'restore', unit: 's', peerName: 'restic', limit: 0.6 },
  { name: 'restore, until on the drive', unit: 's', peerName: 'restic' },
  REVISIONS_LIMIT,
  { name: 'verify of all data', unit: 's', peerName: 'restic', limit: 1 },
  { name: 'repository', unit: 'MB', peerName: 'restic', limit: 1.05 },
  { name: 'peak memory', unit: 'MiB', peerName: 'budget', budget: 300, limit: 1 },
];

/** How long what changed lies before a backup that is watched. */
const WATCHED_MS = 10_000;

/** How a measurement is made. */
export interface SyncOptions {
  readonly runs: number;
  /** Backups between the first and the one whose restore is compared with the first one's. */
  readonly revisions: number;
  readonly isJson: boolean;
}

/** Measures below `place` and prints the rows; returns true if all hold. */
export async function measureSync(place: string, options: SyncOptions): Promise<boolean> {
  const findings = new Findings();
  const desktop = await RunningDesktop.start(join(place, 'desktop'));
  try {
    for (let i = 0; i < options.runs; i++) {
      await onNewDrive(join(place, 'run'), async (dir) => {
        await mkdir(join(dir, 'data'));
        await makeData(join(dir, 'data'), desktop);
        await measureOnce(dir, desktop, findings, i === 0 ? options.revisions : 0);
      });
    }
  } finally {
    await desktop.stop();
  }
  return findings.report(LIMITS, options.isJson);
}

async function measureOnce(
  place: string,
  desktop: RunningDesktop,
  findings: Findings,
  revisions: number,
): Promise<void> {
  const data = join(place, 'data');
  const restored = ({ name }: Tool, which = 'newest'): string => join(place, `restored-${name}-${which}`);
  const tools = toolsIn(place);
  const each = async (name: string, act: (tool: Tool) => Promise<Taken>): Promise<void> => {
    for (const tool of tools) {
      const { seconds, peakMiB } = await act(tool);
      // what it left to be written is not for the next one to wait for
      const syncSeconds = await syncDrive(place);
      findings.note(name, tool.name, seconds);
      if (name === 'first backup') findings.note('peak memory', tool.name, peakMiB);
      // others say that they are done before anything is on the drive
      if (name === 'restore') findings.note('restore, until on the drive', tool.name, seconds + syncSeconds);
    }
  };
  for (const tool of tools) await tool.start();
  await syncDrive(place);
  await each('first backup', (tool) => tool.backup());
  await each('nothing changed', async (tool) => {
    const taken = await tool.backup();
    // watching is ours alone, and beside what the others take without
    if (tool.watching === undefined) findings.note('nothing changed, watched', tool.name, taken.seconds);
    await tool.watching?.(async () =>
      findings.note('nothing changed, watched', tool.name, (await tool.backup()).seconds),
    );
    return taken;
  });
  for (const { name, repository } of tools) {
    const { stdout } = await run('du', ['--summarize', '--bytes', repository]);
    findings.note('repository', name, Number.parseInt(stdout, 10) / 1e6);
  }
  const change = async (): Promise<void> => {
    await changeData(data, desktop);
    await syncDrive(place);
  };
  await change();
  await each('one file in a hundred changed', (tool) => tool.backup());
  const changedAgain = 'one file in a hundred changed, watched';
  for (const tool of tools) {
    await tool.watching?.(async () => {
      await change();
      // a backup on schedule comes some time after the work, and a watch has taken most of that by then
      await delay(WATCHED_MS);
      findings.note(changedAgain, tool.name, (await tool.backup()).seconds);
    });
  }
  for (const tool of tools.filter(({ watching }) => watching === undefined))
    findings.note(changedAgain, tool.name, (await tool.backup()).seconds);
  await each('restore', (tool) => tool.restore(restored(tool), 'newest'));
  await each('verify of all data', (tool) => tool.verify());
  if (revisions === 0) return;
  const [ours] = tools;
  if (ours === undefined) return;
  await measureRevisions(place, ours, desktop, revisions, findings);
}

/** Waits until all is on the drive; returns how long that took, in seconds. */
async function syncDrive(place: string): Promise<number> {
  const startedMs = performance.now();
  await run('sync', ['--file-system', place]);
  return (performance.now() - startedMs) / 1000;
}
