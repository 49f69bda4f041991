// Capture of one file: its content and what the manifest says about it, of the same instant if at all possible.
import type { ManifestEntry } from '../../core/manifest.ts';
import { joinPath } from './byte-path.ts';
import type { ContentWriter } from './capture.ts';
import { examine, type ScannedEntry, type ScannedInode } from './scanner.ts';
import { SourceFile } from './source-file.ts';

/** A file that is written to while it is read is read once more, whoever read it first. */
const READ_ATTEMPTS = 2;

/** A file whose content is stored. */
export interface CapturedFile {
  readonly entry: ManifestEntry;
  /** What the entry tells of: not what was scanned if another took its name meanwhile. */
  readonly inode: ScannedInode;
  /** Of the inode that has the content; undefined if the file changed while it was read, at every attempt. */
  readonly stamp: Uint8Array | undefined;
}

/**
 * Stores the content of a scanned file: read by the writer itself if it can and if that is simple, otherwise on this thread
 * in its turn. Undefined if it has vanished.
 * @throws DeskPodError SOURCE_UNREADABLE; whatever `writer` and `inTurn` throw
 */
export async function captureFile(
  root: Uint8Array,
  scanned: ScannedEntry,
  writer: ContentWriter,
  inTurn: <T>(read: () => Promise<T>) => Promise<T>,
): Promise<CapturedFile | undefined> {
  if (writer.readFile === undefined || scanned.inode.mayBeSparse)
    return inTurn(() => captureHere(root, scanned, writer, READ_ATTEMPTS));
  const captured = await captureUnchanged(root, scanned, writer);
  // a long file may have been read to its end before it turned out to have changed
  return captured ?? inTurn(() => captureHere(root, scanned, writer, READ_ATTEMPTS - 1));
}

/**
 * Stores a file in the one way that takes no time of this thread: if what was read is of the very inode, times and length
 * that the scan saw, nothing happened to it in between. Undefined if it is not so simple.
 */
async function captureUnchanged(
  root: Uint8Array,
  { entry, inode }: ScannedEntry,
  writer: ContentWriter,
): Promise<CapturedFile | undefined> {
  const { stamp, sizeBytes } = inode;
  const chunkIds = await writer.readFile?.({ place: joinPath(root, entry.path), stamp, sizeBytes });
  return chunkIds === undefined ? undefined : { entry: { ...entry, chunkIds }, inode, stamp };
}

async function captureHere(
  root: Uint8Array,
  scanned: ScannedEntry,
  writer: ContentWriter,
  attempts: number,
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
        if (isStable || attempt >= attempts) {
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
            inode: current.inode,
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
  return { entry: current.entry, inode: current.inode, stamp: undefined };
}

/** What only other kinds have, should the name have come to stand for one. */
const NO_NODE = { rdevMajor: 0, rdevMinor: 0, target: new Uint8Array(0) } as const;
