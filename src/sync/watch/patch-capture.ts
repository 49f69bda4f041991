// A capture of what was found at the dirty paths: the manifest is the last one, patched.
import { concatBytes } from '../../core/bytes.ts';
import { EncodedEntry } from '../../core/encoded-entry.ts';
import { MadeAgain } from '../../core/made-again.ts';
import { ManifestEncoder, type ManifestEntry } from '../../core/manifest.ts';
import type { EncodedStream } from '../../core/manifest-diff.ts';
import { type FreshEntry, type FreshPart, PatchMismatch, patchManifest } from '../../core/manifest-patch.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { CaptureStats, ContentWriter } from '../files/capture.ts';
import { captureFile } from '../files/capture-file.ts';
import type { FileIndexRun } from '../files/file-index.ts';
import { innerMounts } from '../files/inner-mounts.ts';
import type { ScannedEntry } from '../files/scanner.ts';
import { Slots } from '../files/slots.ts';
import type { CapturedTree } from '../pod/seal-checkpoint.ts';
import type { FoundPart } from './blind-spots.ts';

const READERS = 4;
const MANIFEST_PIECE_BYTES = 64 * 1024;

/** What a patch works with. */
export interface PatchWork {
  readonly root: Uint8Array;
  readonly writer: ContentWriter;
  /** Ends with the patch, one way or the other. */
  readonly run: FileIndexRun;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What is patched. */
export interface PatchBase {
  readonly entries: EncodedStream;
  /** How many of its files may differ from the last checkpoint that nobody doubts. */
  readonly differingFiles: number;
  /** What the whole tree takes as empty folders now, see {@link CaptureStats.notCrossed}. */
  readonly notCrossed: readonly Uint8Array[];
}

/**
 * Stores what was found, and the manifest that the whole tree has now.
 * @throws PatchMismatch if the parts do not fit the manifest before; SOURCE_UNREADABLE; what the writer throws
 */
export async function capturePatch(
  before: PatchBase,
  found: readonly FoundPart[],
  work: PatchWork,
): Promise<CapturedTree> {
  const capture = new PatchCapture(work);
  try {
    const parts = await capture.read(found);
    for (const part of found) if (!staysBelow(part)) work.run.replace?.(part.path);
    const root = await work.writer.writeRoot(capture.manifest(before.entries, parts));
    const stats = capture.stats(before);
    return {
      root,
      stats,
      mounts: innerMounts(work.root),
      settle: (isOfCheckpoint) => work.run.settle(isOfCheckpoint),
    };
  } catch (error) {
    await work.run.abandon();
    throw error;
  }
}

/** Stores the content of files ahead of the checkpoint that will want it; gives how many were read. */
export async function captureAhead(files: readonly ScannedEntry[], work: PatchWork): Promise<number> {
  const capture = new PatchCapture(work);
  try {
    await capture.read([{ path: new Uint8Array(0), isWhole: false, found: files }]);
    return capture.stats({ differingFiles: 0, notCrossed: [] }).readFiles;
  } catch (error) {
    await work.run.abandon();
    throw error;
  }
}

/** True if what was known below a place that was looked at is there as it was. */
function staysBelow({ isWhole, found }: FoundPart): boolean {
  return !isWhole && found[0]?.entry.kind === 'directory';
}

class PatchCapture {
  readonly #work: PatchWork;
  readonly #readers = new Slots(READERS);
  readonly #changed: Uint8Array[] = [];
  #files = 0;
  #countedFiles = 0;
  readonly #madeAgain = new MadeAgain();
  #directories = 0;
  #entries = 0;
  #bytes = 0;
  #readFiles = 0;
  #freshFiles = 0;

  constructor(work: PatchWork) {
    this.#work = work;
  }

  stats({ differingFiles, notCrossed }: Omit<PatchBase, 'entries'>): CaptureStats {
    return {
      files: this.#files,
      countedFiles: this.#countedFiles,
      directories: this.#directories,
      entries: this.#entries,
      bytes: this.#bytes,
      readFiles: this.#readFiles,
      unchangedFiles: Math.max(0, this.#files - this.#freshFiles - differingFiles),
      newBytes: this.#work.writer.newBytes,
      changedWhileRead: this.#changed,
      notCrossed,
    };
  }

  /** The parts with the content of their files stored; of an inode with several names at the first. */
  async read(found: readonly FoundPart[]): Promise<FreshPart[]> {
    const seen = new Set<string>();
    const reading = found.map(async (part): Promise<FreshPart> => {
      const entries = part.found.map((scanned) => {
        const { link } = scanned.inode;
        const isLaterName = link !== undefined && seen.has(link);
        if (link !== undefined) seen.add(link);
        return isLaterName
          ? { entry: scanned.entry, link }
          : this.#readers.use(() => this.#fresh(scanned, link));
      });
      // all of them end before one's failure is told: nothing may be read after that
      const settled = await Promise.allSettled(entries);
      return {
        path: part.path,
        isWhole: part.isWhole,
        entries: settled.flatMap((each) => {
          if (each.status === 'rejected') throw each.reason;
          return each.value ?? [];
        }),
      };
    });
    this.#freshFiles = found
      .flatMap((part) => part.found)
      .filter(({ entry }) => entry.kind === 'file').length;
    const settled = await Promise.allSettled(reading);
    return settled.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
  }

  async *manifest(before: EncodedStream, parts: readonly FreshPart[]): AsyncGenerator<Uint8Array> {
    const encoder = new ManifestEncoder();
    let pieces = [encoder.start()];
    let pieceBytes = 0;
    for await (const entries of patchManifest(before, parts)) {
      this.#work.signal?.throwIfAborted();
      this.#work.onProgress?.({ step: 'reading files', doneFiles: this.#files, doneBytes: this.#bytes });
      for (const entry of entries) {
        this.#count(entry);
        encoder.carry(entry);
        pieces.push(entry.bytes);
        pieceBytes += entry.bytes.length;
      }
      if (pieceBytes < MANIFEST_PIECE_BYTES) continue;
      yield concatBytes(pieces);
      pieces = [];
      pieceBytes = 0;
    }
    pieces.push(encoder.end());
    yield concatBytes(pieces);
  }

  async #fresh(scanned: ScannedEntry, link: string | undefined): Promise<FreshEntry | undefined> {
    const entry = scanned.entry.kind === 'file' ? await this.#content(scanned) : scanned.entry;
    if (entry === undefined && link === undefined) return undefined;
    // its other names are without content now; what it has become is told of by another event
    if (entry?.kind !== scanned.entry.kind)
      throw new PatchMismatch('a file became something else while it was read');
    return { entry, link };
  }

  async #content(scanned: ScannedEntry): Promise<ManifestEntry | undefined> {
    const { root, writer, run, signal } = this.#work;
    signal?.throwIfAborted();
    const { entry } = scanned;
    if (entry.sizeBytes === 0) return entry;
    const known = await run.find(entry.path, scanned.inode.stamp);
    if (known?.chunkIds.every((id) => writer.hasChunk?.(id) ?? true)) return known.decode();
    // its turn has come: see #fresh
    const captured = await captureFile(root, scanned, writer, (read) => read());
    if (captured === undefined) return undefined;
    const { link } = scanned.inode;
    // its other names would get what took the place of this one; that is told of by another event
    if (link !== undefined && captured.inode.link !== link)
      throw new PatchMismatch('another file took a name of one that has several while it was read');
    this.#readFiles++;
    if (captured.stamp === undefined) this.#changed.push(entry.path);
    else await run.remember(captured.stamp, EncodedEntry.of(captured.entry));
    return captured.entry;
  }

  #count(entry: EncodedEntry): void {
    const { writer } = this.#work;
    const { kind } = entry;
    this.#entries++;
    if (kind === 'directory') this.#directories++;
    if (kind !== 'file') return;
    const { chunkIds } = entry;
    if (!chunkIds.every((id) => writer.hasChunk?.(id) ?? true))
      throw new PatchMismatch('a chunk of the last manifest is gone');
    this.#files++;
    if (!this.#madeAgain.has(entry.path)) this.#countedFiles++;
    if (entry.hardlinkGroup === 0 || chunkIds.length > 0) this.#bytes += entry.sizeBytes;
  }
}
