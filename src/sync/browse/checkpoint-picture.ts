// The picture of a checkpoint's screen: one file beside its process images, made when it was sealed.
import { concatBytes } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { ManifestEntry } from '../../core/manifest.ts';
import { comparePaths } from '../../core/path-order.ts';
import type { Checkpoint } from '../../core/state.ts';
import type { BrowsedPod, BrowseOptions } from './browsed-pod.ts';
import { type CheckpointName, chooseCheckpoint } from './checkpoint-choice.ts';
import { entriesAt, readManifest } from './manifest-stream.ts';

/** What the file is called, beside the images of CRIU, whose names all end otherwise. */
export const PICTURE_NAME = 'screen.png';

/** More than any picture of 640x640 pixels can have. */
const LIMIT_BYTES = 2 * 2 ** 20;

const PNG_START = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Where a PNG's first chunk, which is its header, says width and height. */
const WIDTH_OFFSET = 16;
const HEIGHT_OFFSET = 20;
const HEADER_BYTES = 24;

/** Of which checkpoint. */
export interface PictureRequest {
  readonly number: CheckpointName;
}

/** A picture of a screen. */
export interface CheckpointPicture {
  readonly number: number;
  /** A PNG file. */
  readonly pngBase64: string;
  /** In pixels; the screen may have been larger. */
  readonly width: number;
  readonly height: number;
}

/**
 * What the screen showed right before a checkpoint. Of the file nothing is parsed but its size in pixels.
 * @throws DeskPodError CHECKPOINT_NOT_FOUND; PICTURE_NOT_FOUND if it has none; MANIFEST_DAMAGED and what reading chunks throws
 */
export async function readPicture(
  pod: Pick<BrowsedPod, 'state' | 'content' | 'expect'>,
  { number: name }: PictureRequest,
  { signal }: Pick<BrowseOptions, 'signal'>,
): Promise<CheckpointPicture> {
  const checkpoint = chooseCheckpoint(pod.state, name);
  const entry = await findPicture(pod, checkpoint);
  if (entry === undefined) throw pictureNotFound(checkpoint);
  signal.throwIfAborted();
  const { number } = checkpoint;
  if (entry.kind !== 'file' || entry.sizeBytes > LIMIT_BYTES) {
    const { kind, sizeBytes } = entry;
    throw notAPicture(
      number,
      `expected a file of at most ${LIMIT_BYTES} bytes, got a ${kind} of ${sizeBytes}`,
    );
  }
  pod.expect?.(entry);
  const pieces: Uint8Array[] = [];
  let readBytes = 0;
  for await (const piece of pod.content.readChunks(entry.chunkIds)) {
    signal.throwIfAborted();
    readBytes += piece.length;
    if (readBytes > entry.sizeBytes) break;
    pieces.push(piece);
  }
  const png = Buffer.from(concatBytes(pieces));
  if (readBytes !== entry.sizeBytes || png.length < HEADER_BYTES || png.compare(PNG_START, 0, 8, 0, 8) !== 0)
    throw notAPicture(number, `expected a PNG of ${entry.sizeBytes} bytes, got others`);
  return {
    number,
    pngBase64: png.toString('base64'),
    width: png.readUInt32BE(WIDTH_OFFSET),
    height: png.readUInt32BE(HEIGHT_OFFSET),
  };
}

async function findPicture(
  { content }: Pick<BrowsedPod, 'content'>,
  { images }: Checkpoint,
): Promise<ManifestEntry | undefined> {
  if (images === undefined) return undefined;
  const path = Buffer.from(PICTURE_NAME);
  for await (const [entry] of entriesAt(readManifest(content, images), path))
    if (entry !== undefined && comparePaths(entry.path, path) === 0) return entry;
  return undefined;
}

function pictureNotFound({ number, images }: Checkpoint): DeskPodError {
  const why =
    images === undefined
      ? 'it holds files only'
      : 'its display did not answer then, or it was made by an earlier version';
  return new DeskPodError('PICTURE_NOT_FOUND', `checkpoint ${number} has no picture of the screen: ${why}`, {
    hint: 'Ask for that of another one: `deskpod checkpoints` shows which hold processes.',
    details: { checkpoint: number },
  });
}

function notAPicture(checkpoint: number, fault: string): DeskPodError {
  return new DeskPodError('MANIFEST_DAMAGED', `the picture of checkpoint ${checkpoint}: ${fault}`, {
    hint: 'Run `deskpod verify`: what is damaged here comes back from home.',
    details: { checkpoint },
  });
}
