// Capture of one file: its content and what the manifest says about it, of the same instant if at all possible.
import { closeSync, readSync } from 'node:fs';
import type { ManifestEntry } from '../../core/manifest.ts';
import { StatReader } from '../posix/statx.ts';
import { joinPath } from './byte-path.ts';
import type { ContentWriter } from './capture.ts';
import { examine, type ScannedEntry } from './scanner.ts';
import { openForReading, SourceFile } from './source-file.ts';

/** A file that is written to while it is read is read once more. */
const READ_ATTEMPTS = 2;

/** A file whose content is stored. */
export interface CapturedFile {
  readonly entry: ManifestEntry;
  /** Of the inode that has the content; undefined if the file changed while it was read, at every attempt. */
  readonly stamp: Uint8Array | undefined;
}

/**
 * Stores the content of a scanned file. Undefined if it has vanished.
 * @throws DeskPodError SOURCE_UNREADABLE; whatever `writer` throws
 */
export async function captureFile(
  root: Uint8Array,
  scanned: ScannedEntry,
  writer: ContentWriter,
): Promise<CapturedFile | undefined> {
  const place = joinPath(root, scanned.entry.path);
  let current: ScannedEntry | undefined = scanned;
  for (let attempt = 1; current?.entry.kind === 'file'; attempt++) {
    const file = SourceFile.open(place);
    if (file !== undefined) {
      try {
        // replaced or written to since the scan came by
        if (!file.isOf(current.inode.stamp)) current = examine(root, scanned.entry.path) ?? current;
        const chunkIds = await writer.writeFile(file.read());
        const isStable = file.isOf(current.inode.stamp) && file.isUnchanged();
        if (isStable || attempt >= READ_ATTEMPTS) {
          const sizeBytes = file.sizeReadBytes;
          return {
            entry: {
              ...current.entry,
              kind: 'file',
              sizeBytes,
              isSparse: file.isSparse,
              chunkIds,
              ...NO_NODE,
            },
            stamp: isStable ? current.inode.stamp : undefined,
          };
        }
      } finally {
        file.close();
      }
    }
    current = examine(root, scanned.entry.path);
  }
  if (current === undefined) return undefined;
  // it has become something else meanwhile; if a folder, one whose contents the scan never saw
  return { entry: current.entry, stamp: undefined };
}

/** Files up to here are read whole, in one call, before anything else is done. */
const SMALL_BYTES = 256 * 1024;
/** The calls are synchronous and the writer copies, so one buffer serves all small files. */
const scratch = Buffer.allocUnsafeSlow(SMALL_BYTES + 1);

/**
 * Stores a small file with as few calls as there can be: if what was read is of the very inode, times and length that
 * the scan saw, nothing happened to it in between. Undefined if it is not so simple: then {@link captureFile} goes on.
 * @throws whatever `write` throws
 */
export function captureSmallFile(
  root: Uint8Array,
  scanned: ScannedEntry,
  write: (bytes: Uint8Array) => Promise<Uint8Array[]>,
): Promise<CapturedFile> | undefined {
  const { entry, inode } = scanned;
  if (entry.sizeBytes > SMALL_BYTES || inode.mayBeSparse) return undefined;
  const bytes = readIfAsScanned(joinPath(root, entry.path), scanned);
  if (bytes === undefined) return undefined;
  return write(bytes).then((chunkIds) => ({ entry: { ...entry, chunkIds }, stamp: inode.stamp }));
}

const stats = new StatReader();

function readIfAsScanned(place: Buffer, { inode }: ScannedEntry): Uint8Array | undefined {
  const fd = openForReading(place);
  if (fd === undefined) return undefined;
  try {
    const { sizeBytes } = inode;
    // one byte more than expected: if it comes, the file has grown
    const length = readSync(fd, scratch, 0, sizeBytes + 1, 0);
    stats.readOpen(fd);
    return length === sizeBytes && stats.isStamped(inode.stamp) ? scratch.subarray(0, length) : undefined;
  } catch {
    return undefined; // read once more, it is named
  } finally {
    closeSync(fd);
  }
}

/** What only other kinds have, should the name have come to stand for one. */
const NO_NODE = { rdevMajor: 0, rdevMinor: 0, target: new Uint8Array(0) } as const;
