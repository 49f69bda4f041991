// ops/bench scale: what many chunks cost in memory, and many checkpoints in time.
import { randomFillSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeData } from './data.ts';
import { onNewDrive } from './new-drive.ts';
import { RunningDesktop } from './processes.ts';
import { Findings, type Limit } from './report.ts';
import { measureRevisions, REVISIONS_LIMIT } from './revisions.ts';
import { deskpodIn } from './tools.ts';

const FILES_PER_FOLDER = 1000;
/** Far below what the chunker cuts: each file is a chunk of its own. */
const FILE_BYTES = 1024;
const BUDGET = { unit: 'MiB', peerName: 'budget', budget: 500, limit: 1 } as const;
const FIRST: Limit = { name: 'peak memory, many chunks', ...BUDGET };
const NEXT: Limit = { name: 'peak memory, the next backup', ...BUDGET };

/** How much is measured. */
export interface ScaleOptions {
  /** How many files that have no chunk in common are backed up. */
  readonly files: number;
  /** Checkpoints between the first one and the last. */
  readonly revisions: number;
  readonly isJson: boolean;
}

/** Measures below `place` and prints the rows; returns true if all hold. */
export async function measureScale(place: string, options: ScaleOptions): Promise<boolean> {
  const findings = new Findings();
  await onNewDrive(join(place, 'chunks'), (dir) => measureChunks(dir, options.files, findings));
  const desktop = await RunningDesktop.start(join(place, 'desktop'));
  try {
    await onNewDrive(join(place, 'revisions'), async (dir) => {
      await mkdir(join(dir, 'data'));
      await makeData(join(dir, 'data'), desktop);
      const tool = deskpodIn(dir);
      await tool.start();
      await tool.backup();
      // one more than are between them
      await measureRevisions(dir, tool, desktop, options.revisions + 1, findings);
    });
  } finally {
    await desktop.stop();
  }
  return findings.report([FIRST, NEXT, REVISIONS_LIMIT], options.isJson);
}

async function measureChunks(dir: string, files: number, findings: Findings): Promise<void> {
  const data = join(dir, 'data');
  mkdirSync(data);
  const bytes = Buffer.alloc(FILE_BYTES);
  for (let i = 0; i < files; i++) {
    const folder = join(data, String(Math.floor(i / FILES_PER_FOLDER)));
    if (i % FILES_PER_FOLDER === 0) mkdirSync(folder);
    writeFileSync(join(folder, `file-${i}`), randomFillSync(bytes));
  }
  const tool = deskpodIn(dir);
  await tool.start();
  findings.note(FIRST.name, tool.name, (await tool.backup()).peakMiB);
  writeFileSync(join(data, '0', 'file-0'), randomFillSync(bytes));
  findings.note(NEXT.name, tool.name, (await tool.backup()).peakMiB);
}
