// The file index during a capture of some paths: they come in any order, and nothing is forgotten of the others.
import type { EncodedEntry } from '../../core/encoded-entry.ts';
import { comparePaths } from '../../core/path-order.ts';
import type { FileIndexRun } from './file-index.ts';
import { decodeBlock, encodeKnown, type KnownPath } from './file-index-block.ts';
import {
  type BlockOperation,
  blockKey,
  isRacy,
  type KnownBytes,
  type RunParts,
  replaceBlock,
  trusted,
} from './index-run.ts';

/** A block with what is known of its paths. */
interface ReadBlock {
  readonly key: Uint8Array;
  readonly known: readonly KnownPath[];
}

/** Holds what it remembers until it settles. */
export class PartIndexRun implements FileIndexRun {
  readonly #parts: RunParts;
  readonly #generation: number;
  /** By path; undefined for what is to be forgotten. */
  readonly #noted = new Map<string, { readonly path: Uint8Array; readonly bytes: KnownBytes | undefined }>();

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#generation = parts.runs.last + 1;
  }

  async find(path: Uint8Array, stamp: Uint8Array): Promise<EncodedEntry | undefined> {
    const { known } = await this.#blockOf(path);
    const found = known.find((each) => Buffer.compare(each.entry.path, path) === 0);
    return found === undefined ? undefined : trusted(found, stamp, this.#parts);
  }

  remember(stamp: Uint8Array, entry: EncodedEntry): void {
    const { path } = entry;
    const isKept = !isRacy(stamp, this.#parts);
    const bytes = isKept ? { entry, bytes: encodeKnown(this.#generation, stamp, entry) } : undefined;
    this.#noted.set(Buffer.from(path).toString('latin1'), { path, bytes });
  }

  async settle(isOfCheckpoint = false): Promise<void> {
    const noted = [...this.#noted.values()].sort((a, b) => comparePaths(a.path, b.path));
    const operations: BlockOperation[] = [];
    for (let from = 0; from < noted.length; ) {
      const { key, known } = await this.#blockOf(noted[from]?.path ?? new Uint8Array(0));
      const end = await this.#endOf(key);
      let to = from;
      while (to < noted.length && isBefore(noted[to]?.path, end)) to++;
      operations.push(...replaceBlock(key, merged(known, noted.slice(from, to))));
      from = to;
    }
    const { runs, saveRuns } = this.#parts;
    const last = operations.length > 0 ? this.#generation : runs.last;
    const sealed = isOfCheckpoint ? last : runs.sealed;
    if (last !== runs.last || sealed !== runs.sealed) await saveRuns({ ...runs, last, sealed });
    if (operations.length === 0) return;
    await this.#parts.blocks.batch(operations);
  }

  abandon(): Promise<void> {
    this.#noted.clear();
    return Promise.resolve();
  }

  /** The block that a path belongs to; an empty one at the very front if there is none. */
  async #blockOf(path: Uint8Array): Promise<ReadBlock> {
    const [pair] = await this.#parts.blocks.iterator({ lte: blockKey(path), reverse: true, limit: 1 }).all();
    return pair === undefined
      ? { key: new Uint8Array(0), known: [] }
      : { key: pair[0], known: decodeBlock(pair[1]) };
  }

  /** The key of the block after this one; undefined if it is the last. */
  async #endOf(key: Uint8Array): Promise<Uint8Array | undefined> {
    const [next] = await this.#parts.blocks.keys({ gt: key, limit: 1 }).all();
    return next;
  }
}

function isBefore(path: Uint8Array | undefined, end: Uint8Array | undefined): boolean {
  return path !== undefined && (end === undefined || Buffer.compare(blockKey(path), end) < 0);
}

/** Both runs in one, in order; of a path that is in both, what was noted counts. */
function merged(
  known: readonly KnownBytes[],
  noted: readonly { readonly path: Uint8Array; readonly bytes: KnownBytes | undefined }[],
): KnownBytes[] {
  const all: KnownBytes[] = [];
  let next = 0;
  for (const { path, bytes } of noted) {
    for (; next < known.length; next++) {
      const each = known[next];
      const order = each === undefined ? 1 : comparePaths(each.entry.path, path);
      if (order > 0 || each === undefined) break;
      if (order < 0) all.push(each);
    }
    if (bytes !== undefined) all.push(bytes);
  }
  return [...all, ...known.slice(next)];
}
