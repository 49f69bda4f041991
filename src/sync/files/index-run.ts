// What both sorts of captures need of the file index: its blocks, which of them count, and how they are written.
import type { Level } from 'level';
import type { EncodedEntry } from '../../core/encoded-entry.ts';
import { STAMP_DEVICE_BYTES, Stamp } from '../posix/statx.ts';
import { encodeBlock, type KnownPath } from './file-index-block.ts';

const SLASH = 0x2f;
/** Paths in a block: so many are read and written together. */
export const BLOCK_PATHS = 256;

/** The captures of an index. */
export interface Runs {
  /** The number of the latest one. */
  readonly last: number;
  /** Those that began and never settled: nothing that carries their number counts. */
  readonly open: readonly number[];
  /** What captures up to this one noted is so in the last checkpoint that nobody doubts. */
  readonly sealed: number;
}

/** Where the blocks of the index `name` lie, each under the key of the least path that it may hold. */
export function blocksOf(db: Level<string, string>, name: string) {
  return db.sublevel<Uint8Array, Uint8Array>([name, 'blocks'], {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
}

type Blocks = ReturnType<typeof blocksOf>;

/** A change of a block. */
export type BlockOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** What a run works with. */
export interface RunParts {
  readonly blocks: Blocks;
  /** Durable when it resolves. */
  readonly saveRuns: (runs: Runs) => Promise<void>;
  readonly runs: Runs;
  /** Inodes that changed later are not remembered. */
  readonly newestNs: bigint;
  readonly ignoresDev: boolean;
}

/** All blocks in order. The caller closes it. */
export function iterateBlocks({ blocks }: RunParts) {
  return blocks.iterator();
}

/** With NUL for the slash, which no name can hold, byte order is the manifest's order. */
export function blockKey(path: Uint8Array): Uint8Array {
  const key = new Uint8Array(path);
  for (let at = key.indexOf(SLASH); at !== -1; at = key.indexOf(SLASH, at + 1)) key[at] = 0;
  return key;
}

/** True if the stamp is of an inode that may have changed again without its times telling. */
export function isRacy(stamp: Uint8Array, { newestNs }: RunParts): boolean {
  const { ctimeNs, mtimeNs } = new Stamp(stamp);
  return ctimeNs > newestNs || mtimeNs > newestNs;
}

/** What is known, if the inode is still the same and the capture that noted it counts. */
export function trusted(
  known: KnownPath,
  stamp: Uint8Array,
  { runs, ignoresDev }: RunParts,
): EncodedEntry | undefined {
  const isSame = known.isStamped(stamp, ignoresDev ? STAMP_DEVICE_BYTES : 0);
  return isSame && !runs.open.includes(known.generation) ? known.entry : undefined;
}

/** What writes these paths (as a block has them, in order) in the place of the block under `key`. */
export function* replaceBlock(key: Uint8Array, paths: readonly KnownBytes[]): Generator<BlockOperation> {
  if (paths.length === 0) yield { type: 'del', key };
  for (let from = 0; from < paths.length; from += BLOCK_PATHS) {
    const part = paths.slice(from, from + BLOCK_PATHS);
    const first = part[0]?.entry.path;
    const value = encodeBlock(part.map(({ bytes }) => bytes));
    yield { type: 'put', key: from === 0 || first === undefined ? key : blockKey(first), value };
  }
}

/** A path as a block has it. */
export interface KnownBytes {
  readonly entry: EncodedEntry;
  readonly bytes: Uint8Array;
}
