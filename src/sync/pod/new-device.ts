// What a restore and a promotion have in common: a new device of the pod gets the files of a checkpoint, and is told of.
import type { AwaitedHistory } from '../../core/awaited-history.ts';
import type { PodKind } from '../../core/events.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Checkpoint } from '../../core/state.ts';
import { restoreTree } from '../files/restore.ts';
import type { NotRestored } from '../files/restore-target.ts';
import type { Pod } from './pod.ts';

/** A device that took the pod over, in an epoch of its own. */
export interface NewDevice {
  readonly podId: string;
  readonly kind: PodKind;
  readonly deviceId: string;
  /** The epoch that began with it: devices of earlier ones are fenced by each home that this one syncs to. */
  readonly epoch: number;
  readonly checkpoint: number;
  readonly checkpointAtMs: number;
  readonly fileCount: number;
  readonly fileBytes: number;
  /** All that it took, from looking at where the pod came from. */
  readonly durationMs: number;
  /** What could not be done as it was, and what to look at, in sentences. */
  readonly warnings: readonly string[];
  /** What older checkpoints need and comes later; absent if all is there. */
  readonly awaited?: AwaitedHistory;
}

/** Files of a checkpoint that were laid out. */
export interface LaidOutFiles {
  readonly checkpoint: Checkpoint;
  readonly fileCount: number;
  readonly fileBytes: number;
  /** In sentences. */
  readonly losses: readonly string[];
}

/** Lays the files of a checkpoint out in `dir`, over what has their names there. Throws as {@link restoreTree}. */
export async function layOutFiles(
  { content }: Pod,
  checkpoint: Checkpoint,
  dir: string,
  { onProgress, signal }: { readonly onProgress: ProgressListener; readonly signal?: AbortSignal },
): Promise<LaidOutFiles> {
  const { files, bytes, notRestored } = await restoreTree(checkpoint.files, content, dir, {
    overwrite: true,
    totals: { files: checkpoint.stats.fileCount, bytes: checkpoint.stats.fileBytes },
    onProgress: (progress) => onProgress({ ...progress, step: 'laying out the files' }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { checkpoint, fileCount: files, fileBytes: bytes, losses: describeLosses(notRestored) };
}

/** What is told of the device that `pod` lies on now. */
export function describeNewDevice(
  { state: { podId, kind, deviceId, epoch, awaited } }: Pod,
  { checkpoint: { number, atMs }, fileCount, fileBytes }: LaidOutFiles,
  { warnings, durationMs }: Pick<NewDevice, 'warnings' | 'durationMs'>,
): NewDevice {
  return {
    ...{ podId, kind, deviceId, epoch, checkpoint: number, checkpointAtMs: atMs },
    ...{ fileCount, fileBytes, durationMs, warnings },
    ...(awaited === undefined ? {} : { awaited }),
  };
}

/** Whoever gets what was doubtful is told which checkpoint is not; `advice` says how to get at that. */
export function describeDoubted(
  { state }: Pod,
  checkpoint: number,
  advice: (against: number) => string,
): string[] {
  const doubted = state.doubted.find(({ number }) => number === checkpoint);
  if (doubted === undefined) return [];
  return [
    `Checkpoint ${checkpoint} was doubtful when it was made: files seemed to be lost. If they are, ${advice(doubted.against)}`,
  ];
}

/** What a restore had to leave out, in sentences. */
export function describeLosses({ owners, modes, xattrs, devices, examples }: NotRestored): string[] {
  const counts = { owners, modes, 'extended attributes': xattrs, 'device nodes': devices };
  const parts = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  if (parts.length === 0) return [];
  return [
    `Left out, as it takes root or another file system: ${parts.join(', ')} (${examples.slice(0, 3).join(', ')}).`,
  ];
}
