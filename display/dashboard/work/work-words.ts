// What operations are called, and how far one has come in words.
import type { Pace } from '../../../src/core/pace.ts';
import type { Progress } from '../../../src/core/progress.ts';
import { countText, durationText, sizeText } from '../figures.ts';

const NAMES: Readonly<Record<string, string>> = {
  checkpoint: 'Checkpoint',
  suspend: 'Suspend',
  resume: 'Resume',
  start: 'Start',
  stop: 'Stop',
  sync: 'Sync',
  verify: 'Verify',
  prune: 'Prune',
  install: 'Installation',
  unlock: 'Unlocking',
  branches: 'Look for branches',
  'home-add': 'New home',
  'restore-paths': 'Restore of files',
};

/** What an operation is called; one that the page does not know by its own name. */
export function workName(name: string): string {
  return NAMES[name] ?? name;
}

/** `sending to home, 12 MB of 40 MB, 3.2 MB a second, 9 s left`. */
export function progressText(progress: Progress, pace?: Pace): string {
  const { step, doneBytes, totalBytes, doneFiles, totalFiles } = progress;
  const parts = [step];
  if (doneBytes !== undefined)
    parts.push(
      totalBytes === undefined ? sizeText(doneBytes) : `${sizeText(doneBytes)} of ${sizeText(totalBytes)}`,
    );
  if (doneFiles !== undefined)
    parts.push(
      totalFiles === undefined
        ? `${countText(doneFiles)} files`
        : `${countText(doneFiles)} of ${countText(totalFiles)} files`,
    );
  const rate = pace?.bytesPerSecond;
  if (rate !== undefined && rate > 0) parts.push(`${sizeText(rate)} a second`);
  if (doneBytes !== undefined && totalBytes !== undefined) {
    const leftMs = pace?.msLeft(totalBytes - doneBytes);
    if (leftMs !== undefined && leftMs >= 1000) parts.push(`${durationText(leftMs)} left`);
  }
  return parts.join(', ');
}

/** How far a work has come, from 0 to 1; undefined if nobody knows. */
export function shareDone({ doneBytes, totalBytes, doneFiles, totalFiles }: Progress): number | undefined {
  if (doneBytes !== undefined && totalBytes !== undefined && totalBytes > 0)
    return Math.min(1, doneBytes / totalBytes);
  if (doneFiles !== undefined && totalFiles !== undefined && totalFiles > 0)
    return Math.min(1, doneFiles / totalFiles);
  return undefined;
}
