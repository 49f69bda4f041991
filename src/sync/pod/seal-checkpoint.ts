// Sealing a checkpoint: files and process images into packs, then the one event that makes them a checkpoint.
import type { Doubt } from '../../core/checkpoint-doubt.ts';
import type { SealedContent } from '../../core/decide.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';

import { displayPath } from '../files/byte-path.ts';
import { type CaptureStats, captureTree, type ReadyWriter } from '../files/capture.ts';
import type { CaptureAhead } from '../files/capture-ahead.ts';
import type { FileIndex } from '../files/file-index.ts';
import { innerMounts, notCrossedText } from '../files/inner-mounts.ts';
import type { ScannedInode } from '../files/scanner.ts';
import type { Content, ContentKind } from '../repository/content.ts';
import { doubtfulCheckpoint, findDoubt, noteDoubt } from './doubt.ts';
import type { Pod } from './pod.ts';
import { findUnnamedPacks } from './unnamed-packs.ts';

/** A tree that was written to the repository, but is in no checkpoint yet. */
export interface CapturedTree {
  readonly root: Root;
  readonly stats: CaptureStats;
  /** Paths in it that something is mounted on. */
  readonly mounts: readonly Uint8Array[];
  /** To be called once it is durable; true says that a checkpoint which nobody doubts has it. */
  settle(isOfCheckpoint: boolean): Promise<void>;
}

/** How a tree is captured. */
export interface TreeOptions {
  readonly index?: FileIndex;
  readonly isExcluded?: (path: Uint8Array) => boolean;
  /** A capture of the tree that has begun already, with the same exclusions: of other options it heeds `onProgress`. */
  readonly ahead?: CaptureAhead;
  /** Told of every inode as it is found. */
  readonly onScanned?: (inode: ScannedInode) => void;
  /** Told of every folder on which another file system is mounted. */
  readonly onMount?: (path: Uint8Array) => void;
  readonly onProgress?: ProgressListener;
  /** Stops it, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Writes the tree under `dir` into the repository's packs; `kind` says which. */
export async function captureInto(
  content: Content,
  dir: string,
  kind: ContentKind,
  options: TreeOptions,
): Promise<CapturedTree> {
  const { ahead, ...others } = options;
  const writer = writerInto(content, kind);
  const begun = await ahead?.finish(writer, options.onProgress);
  const captured = begun ?? (await captureTree(dir, writer, others));
  return { ...captured, mounts: innerMounts(dir) };
}

/** What a capture hands its bytes to: they go into the repository's packs of one `kind`, manifests into their own. */
export function writerInto(content: Content, kind: ContentKind): ReadyWriter {
  let newBytes = 0;
  return {
    writeFile: async (pieces) => {
      const written = await content.writeChunks(pieces, kind);
      newBytes += written.newBytes;
      return [...written.chunkIds];
    },
    readFile: async (source) => {
      const written = await content.writeFile(source, kind);
      newBytes += written?.newBytes ?? 0;
      return written === undefined ? undefined : [...written.chunkIds];
    },
    writeRoot: (pieces) => content.writeStream(pieces, 'metadata'),
    hasChunk: (id) => content.hasChunk(id),
    get newBytes() {
      return newBytes;
    },
  };
}

/** What a checkpoint, and with it a suspend, answers. */
export interface CheckpointReport {
  readonly number: number;
  readonly fileCount: number;
  readonly fileBytes: number;
  readonly imageBytes: number;
  /** Bytes of the packs that it names: those that were stored since the checkpoint before. */
  readonly storedBytes: number;
  /** Bytes that the device's kernel driver wrote for it, file system and layer included; only of a suspend. */
  readonly deviceBytes?: number;
  /** How long the session stood still. */
  readonly pauseMs: number;
  /** From the command to the session gone; 0 for a checkpoint that leaves it running. */
  readonly suspendMs: number;
  /** From the command to everything on the device and fsynced. */
  readonly durableMs: number;
  /** Files that changed while they were read; their state is of a moment within the capture. */
  readonly changedWhileRead: readonly string[];
  /** Folders on which other file systems are mounted: what lies in them is in no checkpoint. */
  readonly notCrossed: readonly string[];
  /** Why it has no picture of the screen, if a session was saved; for those who look for it, as a checkpoint does without. */
  readonly noPicture?: string;
  /** What the user is to be told of it, in sentences. */
  readonly warnings: readonly string[];
  /** Why it is doubtful, if it was sealed all the same and nobody has accepted it. */
  readonly doubt?: Doubt;
}

/**
 * What becomes of a checkpoint that looks like a loss: `stop` seals none, `note` seals it and leaves the question open,
 * `accept` seals it as what is normal from now on.
 */
export type DoubtAnswer = 'stop' | 'note' | 'accept';

/** What a checkpoint is made of. */
export interface CheckpointParts {
  readonly reason: SealedContent['reason'];
  readonly files: CapturedTree;
  readonly images?: CapturedTree;
  readonly pauseMs: number;
  /** When it was asked for, by performance.now(). */
  readonly startedMs: number;
  /** Of a suspend: how long it took until the session was gone. It ends the session in the log. */
  readonly suspendMs?: number;
  readonly ifDoubtful: DoubtAnswer;
}

/**
 * Flushes the packs, appends the event, and moves the repository's head: on its return the checkpoint is durable.
 *
 * @throws DeskPodError CHECKPOINT_DOUBTFUL if that is the answer: what was captured is stored, and in no checkpoint
 */
export async function sealCheckpoint(pod: Pod, parts: CheckpointParts): Promise<CheckpointReport> {
  await pod.content.flush();
  const packs = await findUnnamedPacks(pod);
  const storedBytes = packs.reduce((sum, pack) => sum + pack.sizeBytes, 0);
  const { files, images, pauseMs, startedMs, suspendMs, ifDoubtful } = parts;
  const doubt = await findDoubt(pod, files);
  if (doubt !== undefined && ifDoubtful === 'stop') {
    await files.settle(false);
    await noteDoubt(pod, doubt);
    throw doubtfulCheckpoint(doubt);
  }
  const sizes = {
    fileCount: files.stats.files,
    fileBytes: files.stats.bytes,
    imageBytes: images?.stats.bytes ?? 0,
    storedBytes,
  };
  const base = pod.state.base?.sha256;
  const content: SealedContent = {
    reason: parts.reason,
    files: files.root,
    ...(images === undefined ? {} : { images: images.root }),
    ...(base === undefined ? {} : { base }),
    packs: packs.map((pack) => pack.name),
    stats: { ...sizes, pauseMs: Math.round(pauseMs) },
  };
  const isAccepted = ifDoubtful === 'accept';
  const isOpen = doubt !== undefined && !isAccepted;
  await pod.append({
    type: suspendMs === undefined ? 'sealCheckpoint' : 'suspendSession',
    content,
    mounts: isOpen ? pod.state.mounts : files.mounts.map(displayPath),
    ...(doubt === undefined ? {} : { doubt: { ...doubt, isAccepted } }),
  });
  await pod.publish();
  await files.settle(!isOpen);
  const notCrossed = files.stats.notCrossed.map(displayPath);
  return {
    number: pod.state.checkpoints.at(-1)?.number ?? 0,
    ...sizes,
    pauseMs,
    suspendMs: suspendMs ?? 0,
    durableMs: performance.now() - startedMs,
    changedWhileRead: files.stats.changedWhileRead.map(displayPath),
    notCrossed,
    warnings: notCrossed.length === 0 ? [] : [notCrossedText(notCrossed)],
    ...(isOpen ? { doubt } : {}),
  };
}
