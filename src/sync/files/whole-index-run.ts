// The file index during a capture of everything: its blocks pass by beside the scan, in one pass and bounded memory.
import type { EncodedEntry } from '../../core/encoded-entry.ts';
import { comparePaths } from '../../core/path-order.ts';
import type { FileIndexRun } from './file-index.ts';
import { decodeBlock, encodeKnown, type KnownPath } from './file-index-block.ts';
import {
  BLOCK_PATHS,
  type BlockOperation,
  blockKey,
  isRacy,
  iterateBlocks,
  type KnownBytes,
  type RunParts,
  replaceBlock,
  trusted,
} from './index-run.ts';

const BLOCKS_AHEAD = 8;
const BATCH_OPERATIONS = 64;
const KEPT_MAX = 2 * BLOCK_PATHS;

/** A block that was read, and what it is to hold from now on. */
interface PassingBlock {
  key: Uint8Array;
  readonly known: readonly KnownPath[];
  readonly kept: KnownBytes[];
  /** True if something is in it that was not. */
  isTouched: boolean;
}

/** Finds ahead of what it remembers: what lies between the two is still being read. */
export class WholeIndexRun implements FileIndexRun {
  readonly #parts: RunParts;
  readonly #generation: number;
  readonly #iterator: ReturnType<typeof iterateBlocks>;
  /** The first is the one that is written to, the last the one that is searched. */
  readonly #passing: PassingBlock[] = [blockOf(new Uint8Array(0), [])];
  /** Read, and not searched yet. */
  #ahead: PassingBlock[] = [];
  #next = 0;
  #isExhausted = false;
  /** The next blocks, which are read while those before are searched. */
  #reading: ReturnType<ReturnType<typeof iterateBlocks>['nextv']> | undefined;
  /** What was found and not remembered again yet, and where. */
  readonly #found = new Map<EncodedEntry, { readonly known: KnownPath; readonly block: PassingBlock }>();
  #operations: BlockOperation[] = [];
  #isMarkedOpen = false;

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#generation = parts.runs.last + 1;
    this.#iterator = iterateBlocks(parts);
  }

  find(path: Uint8Array, stamp: Uint8Array): EncodedEntry | undefined | Promise<EncodedEntry | undefined> {
    const found = this.#seek(path, stamp);
    return found === 'more' ? this.#findLater(path, stamp) : found;
  }

  remember(stamp: Uint8Array, entry: EncodedEntry): void | Promise<void> {
    const found = this.#found.get(entry);
    if (found !== undefined && this.#keep(entry, found)) return this.#writeIfMuch();
    const key = blockKey(entry.path);
    return this.#reach(key) ? this.#note(key, stamp, entry) : this.#noteLater(key, stamp, entry);
  }

  async #noteLater(key: Uint8Array, stamp: Uint8Array, entry: EncodedEntry): Promise<void> {
    while (!this.#reach(key)) await this.#fill();
    await this.#note(key, stamp, entry);
  }

  /** Lets a path stay in the block that it was found in; false if that was left, as it held paths in another order. */
  #keep(entry: EncodedEntry, { known, block }: { known: KnownPath; block: PassingBlock }): boolean {
    if (!this.#passing.includes(block)) return false;
    this.#found.delete(entry);
    while (this.#passing[0] !== block) this.#leave(this.#passing.shift() as PassingBlock);
    block.kept.push(known);
    return true;
  }

  #note(key: Uint8Array, stamp: Uint8Array, entry: EncodedEntry): void | Promise<void> {
    const known = this.#found.get(entry)?.known;
    this.#found.delete(entry);
    const block = this.#blockOf(key);
    if (known !== undefined) block.kept.push(known);
    else if (!isRacy(stamp, this.#parts)) {
      block.kept.push({ entry, bytes: encodeKnown(this.#generation, stamp, entry) });
      block.isTouched = true;
      if (block.kept.length >= KEPT_MAX) this.#split(block);
    }
    return this.#writeIfMuch();
  }

  #writeIfMuch(): void | Promise<void> {
    return this.#operations.length >= BATCH_OPERATIONS ? this.#write() : undefined;
  }

  isOfCheckpoint(entry: EncodedEntry): boolean {
    const known = this.#found.get(entry)?.known;
    return known !== undefined && known.generation <= this.#parts.runs.sealed;
  }

  async settle(isOfCheckpoint = false): Promise<void> {
    // what the scan did not come to is gone
    while (this.#ahead.length > 0 || (await this.#fill())) this.#passing.push(...this.#ahead.splice(0));
    await this.#endReading();
    for (let block = this.#passing.shift(); block !== undefined; block = this.#passing.shift())
      this.#leave(block);
    await this.#write();
    // a capture of everything has replaced or removed all that unsettled ones left behind
    const { runs, saveRuns } = this.#parts;
    const last = this.#isMarkedOpen ? this.#generation : runs.last;
    const sealed = isOfCheckpoint ? last : runs.sealed;
    if (this.#isMarkedOpen) await saveRuns({ last, open: [], sealed });
    else if (sealed !== runs.sealed) await saveRuns({ ...runs, sealed });
  }

  async abandon(): Promise<void> {
    this.#operations = [];
    await this.#endReading();
  }

  async #endReading(): Promise<void> {
    await Promise.allSettled([this.#reading]);
    await this.#iterator.close();
  }

  async #findLater(path: Uint8Array, stamp: Uint8Array): Promise<EncodedEntry | undefined> {
    let found = this.#seek(path, stamp);
    while (found === 'more') {
      await this.#fill();
      found = this.#seek(path, stamp);
    }
    return found;
  }

  /** What is known under the path; 'more' if that can only be said after reading on. */
  #seek(path: Uint8Array, stamp: Uint8Array): EncodedEntry | undefined | 'more' {
    for (;;) {
      const block = this.#searched;
      const { known: paths } = block;
      for (; this.#next < paths.length; this.#next++) {
        const known = paths[this.#next];
        const order = known === undefined ? 1 : orderOf(known.entry.path, path);
        if (order > 0 || known === undefined) return undefined;
        if (order < 0) continue;
        this.#next++;
        const entry = trusted(known, stamp, this.#parts);
        if (entry !== undefined) this.#found.set(entry, { known, block });
        return entry;
      }
      const [next] = this.#ahead;
      if (next === undefined) return this.#isExhausted ? undefined : 'more';
      this.#enter(next);
    }
  }

  get #searched(): PassingBlock {
    return this.#passing.at(-1) as PassingBlock;
  }

  async #fill(): Promise<boolean> {
    if (this.#isExhausted) return false;
    const pairs = await (this.#reading ?? this.#iterator.nextv(BLOCKS_AHEAD));
    this.#ahead.push(...pairs.map(([key, value]) => blockOf(key, decodeBlock(value))));
    this.#isExhausted = pairs.length === 0;
    this.#reading = this.#isExhausted ? undefined : this.#iterator.nextv(BLOCKS_AHEAD);
    this.#reading?.catch(ignoreUntilAwaited);
    return !this.#isExhausted;
  }

  /**
   * Takes the search on to the block that a path belongs to, as a path that is noted need not have been searched; false if
   * more must be read for that.
   */
  #reach(key: Uint8Array): boolean {
    for (let next = this.#ahead[0]; next !== undefined; next = this.#ahead[0]) {
      if (Buffer.compare(next.key, key) > 0) return true;
      this.#enter(next);
    }
    return this.#isExhausted;
  }

  #enter(next: PassingBlock): void {
    this.#ahead.shift();
    this.#passing.push(next);
    this.#next = 0;
  }

  /** The block that a path belongs to; the search has come at least so far. */
  #blockOf(key: Uint8Array): PassingBlock {
    for (let next = this.#passing[1]; next !== undefined; next = this.#passing[1]) {
      if (Buffer.compare(next.key, key) > 0) break;
      this.#leave(this.#passing.shift() as PassingBlock);
    }
    return this.#passing[0] as PassingBlock;
  }

  /** Writes the front part of a block that many new paths come to, so that they need not all be held. */
  #split(block: PassingBlock): void {
    this.#operations.push(...replaceBlock(block.key, block.kept.splice(0, BLOCK_PATHS)));
    const first = block.kept[0];
    if (first !== undefined) block.key = blockKey(first.entry.path);
  }

  #leave({ key, known, kept, isTouched }: PassingBlock): void {
    if (!isTouched && kept.length === known.length) return;
    this.#operations.push(...replaceBlock(key, kept));
  }

  async #write(): Promise<void> {
    const operations = this.#operations;
    if (operations.length === 0) return;
    this.#operations = [];
    const { blocks, runs, saveRuns } = this.#parts;
    if (!this.#isMarkedOpen) {
      this.#isMarkedOpen = true;
      await saveRuns({ ...runs, last: this.#generation, open: [...runs.open, this.#generation] });
    }
    await blocks.batch(operations);
  }
}

function ignoreUntilAwaited(): void {
  // whoever needs these blocks awaits them, and is told
}

function blockOf(key: Uint8Array, known: readonly KnownPath[]): PassingBlock {
  return { key, known, kept: [], isTouched: false };
}

function orderOf(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b) === 0 ? 0 : comparePaths(a, b);
}
