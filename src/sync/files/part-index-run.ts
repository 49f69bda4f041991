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

/** What was noted of one path; no bytes for what is to be forgotten. */
interface Noted {
  readonly path: Uint8Array;
  readonly bytes: KnownBytes | undefined;
}

/** A block that changes, with what was noted of its paths, in order. */
interface TouchedBlock {
  readonly key: Uint8Array;
  readonly noted: readonly Noted[];
}

/** Holds what it remembers until it settles. */
export class PartIndexRun implements FileIndexRun {
  readonly #parts: RunParts;
  readonly #generation: number;
  readonly #noted = new Map<string, Noted>();
  /** Paths of which something is known that still is so. */
  readonly #found = new Set<string>();
  /** Paths of which, and of all below them, nothing is known any more but what was found or noted. */
  readonly #replaced = new Map<string, Uint8Array>();

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#generation = parts.runs.last + 1;
  }

  async find(path: Uint8Array, stamp: Uint8Array): Promise<EncodedEntry | undefined> {
    const known = await this.#read(await this.#blockOf(path));
    const found = known.find((each) => Buffer.compare(each.entry.path, path) === 0);
    const entry = found === undefined ? undefined : trusted(found, stamp, this.#parts);
    if (entry !== undefined) this.#found.add(keyOf(path));
    return entry;
  }

  remember(stamp: Uint8Array, entry: EncodedEntry): void {
    const { path } = entry;
    const isKept = !isRacy(stamp, this.#parts);
    const bytes = isKept ? { entry, bytes: encodeKnown(this.#generation, stamp, entry) } : undefined;
    this.#noted.set(keyOf(path), { path, bytes });
  }

  replace(path: Uint8Array): void {
    this.#replaced.set(keyOf(path), path);
  }

  async settle(isOfCheckpoint = false): Promise<void> {
    const operations: BlockOperation[] = [];
    for (const { key, noted } of await this.#touched()) {
      const known = await this.#read(key);
      const left = known.filter(({ entry }) => !this.#isGone(keyOf(entry.path)));
      if (noted.length > 0 || left.length < known.length)
        operations.push(...replaceBlock(key, merged(left, noted)));
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
    this.#replaced.clear();
    return Promise.resolve();
  }

  async #touched(): Promise<Iterable<TouchedBlock>> {
    const touched = new Map<string, TouchedBlock>();
    const noted = [...this.#noted.values()].sort((a, b) => comparePaths(a.path, b.path));
    for (let from = 0; from < noted.length; ) {
      const key = await this.#blockOf(noted[from]?.path ?? new Uint8Array(0));
      const end = await this.#endOf(key);
      let to = from;
      while (to < noted.length && isBefore(noted[to]?.path, end)) to++;
      touched.set(keyOf(key), { key, noted: noted.slice(from, to) });
      from = to;
    }
    for (const path of this.#replaced.values()) {
      const first = { gte: await this.#blockOf(path) };
      // what lies below a path comes right after it, with a NUL for the slash
      const range =
        path.length === 0 ? first : { ...first, lt: Buffer.concat([blockKey(path), Buffer.of(1)]) };
      for await (const key of this.#parts.blocks.keys(range))
        if (!touched.has(keyOf(key))) touched.set(keyOf(key), { key, noted: [] });
    }
    return touched.values();
  }

  #isGone(path: string): boolean {
    if (this.#replaced.size === 0 || this.#found.has(path)) return false;
    if (this.#replaced.has(path) || this.#replaced.has('')) return true;
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
      if (this.#replaced.has(path.slice(0, end))) return true;
    return false;
  }

  /** The key of the block that a path belongs to; that of the very front if there is none. */
  async #blockOf(path: Uint8Array): Promise<Uint8Array> {
    const [key] = await this.#parts.blocks.keys({ lte: blockKey(path), reverse: true, limit: 1 }).all();
    return key ?? new Uint8Array(0);
  }

  async #read(key: Uint8Array): Promise<KnownPath[]> {
    const value = await this.#parts.blocks.get(key);
    return value === undefined ? [] : decodeBlock(value);
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
function merged(known: readonly KnownBytes[], noted: readonly Noted[]): KnownBytes[] {
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

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
