// ops/bench sync: backups, restores and verifies beside restic and borg, on the same data, interleaved.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/sync/process.ts';
import { changeData, makeData } from './data.ts';
import { RunningDesktop } from './processes.ts';
import { Findings, type Limit } from './report.ts';
import { type Taken, type Tool, toolsIn } from './tools.ts';

const LIMITS: readonly Limit[] = [
  { name: 'first backup', unit: 's', peerName: 'restic', limit: 0.6 },
  { name: 'first backup', unit: 's', peerName: 'borg', limit: 0.5 },
  { name: 'nothing changed', unit: 's', peerName: 'restic', limit: 0.2 },
  { name: 'nothing changed, watched', unit: 's', peerName: 'restic', limit: 0.2 },
  { name: 'one file in a hundred changed', unit: 's', peerName: 'restic', limit: 0.4 },
  { name: 'restore', unit: 's', peerName: 'restic', limit: 0.6 },
  { name: 'restore of the last of many', unit: 's', peerName: 'its restore of the first', limit: 1.2 },
  { name: 'verify of all data', unit: 's', peerName: 'restic', limit: 1 },
  { name: 'repository', unit: 'MB', peerName: 'restic', limit: 1.05 },
  { name: 'peak memory', unit: 'MiB', peerName: 'budget', budget: 300, limit: 1 },
];

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

/**
 * Runs `act` in a folder that is a file system of its own. On one where much was deleted in the last minutes, ext4 takes
 * up to ten times as long to make files, as it looks for inodes that were not: whoever came later would pay for that.
 */
async function onNewDrive(dir: string, act: (dir: string) => Promise<void>): Promise<void> {
  const image = `${dir}.img`;
  await mkdir(dir);
  await run('truncate', ['--size', '24G', image]);
  await run('mkfs.ext4', ['-q', '-F', image]);
  await run('mount', ['-o', 'loop', image, dir]);
  try {
    await act(dir);
  } finally {
    await run('umount', [dir]);
    await rm(image);
    await rm(dir, { recursive: true });
  }
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
      findings.note(name, tool.name, seconds);
      if (name === 'first backup') findings.note('peak memory', tool.name, peakMiB);
    }
  };
  for (const tool of tools) await tool.start();
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
  await changeData(data, desktop);
  await each('one file in a hundred changed', (tool) => tool.backup());
  await each('restore', (tool) => tool.restore(restored(tool), 'newest'));
  await each('verify of all data', (tool) => tool.verify());
  if (revisions === 0) return;
  const [ours] = tools;
  if (ours === undefined) return;
  for (let i = 0; i < revisions; i++) {
    await changeData(data, desktop);
    await ours.backup();
  }
  for (const [which, name] of [
    ['newest', 'deskpod'],
    ['first', 'its restore of the first'],
  ] as const) {
    const { seconds } = await ours.restore(restored(ours, `later-${which}`), which);
    findings.note('restore of the last of many', name, seconds);
  }
}
