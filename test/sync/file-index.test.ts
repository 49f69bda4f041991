// The file index against a plain map: whatever captures come and go, it knows what the last ones noted, or nothing.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Level } from 'level';
import { toHex } from '../../src/core/bytes.ts';
import { EncodedEntry } from '../../src/core/encoded-entry.ts';
import { comparePaths, isWithin } from '../../src/core/path-order.ts';
import { type FileIndexRun, LevelFileIndex } from '../../src/sync/files/file-index.ts';
import { STAMP_BYTES } from '../../src/sync/posix/statx.ts';
import { doubting } from '../../src/sync/watch/unsure-index.ts';
import { objectOf } from '../core/parser-suite.ts';
import { scratchFolder } from './scratch.ts';

const STARTED_AT_MS = 1_000_000_000_000;

/** A path as it is in the tree: no two inodes have the same stamp, but content may change under one. */
interface Inode {
  readonly stamp: number;
  readonly content: number;
  /** True if it changed just now. */
  readonly isRacy: boolean;
}

/** What happens to the paths from `from` on, every `step`th, so many of them. */
interface Edit {
  readonly from: number;
  readonly count: number;
  readonly step: number;
  readonly to: 'changed' | 'racy' | 'gone' | 'unsure';
}

/** A capture, after edits. */
interface Step {
  readonly edits: readonly Edit[];
  readonly isWhole: boolean;
  readonly end: 'settle' | 'abandon' | 'leave';
  /** How many paths are found before the first of them is remembered. */
  readonly lag: number;
  /** Of a capture of everything that ends early: how many paths it comes to. */
  readonly reach: number;
}

/** More than fill several blocks, names with bytes below the slash among them, some folders with what they hold. */
const PATHS: readonly Uint8Array[] = Array.from({ length: 900 }, (_, i) => {
  const folder = Buffer.from([0x61 + (i % 3), ...(i % 2 === 0 ? [0x01] : [0x2d])]);
  const name = Buffer.from(`${i}`);
  if (i < 3) return Buffer.from([0x61 + i]);
  if (i % 5 === 0) return Buffer.concat([folder, Buffer.from([0xff]), name]);
  return Buffer.concat([folder.subarray(0, 1), Buffer.from(i % 7 === 0 ? ' ' : '/'), name]);
}).sort(comparePaths);

function stampOf({ stamp, isRacy }: Inode): Uint8Array {
  const bytes = Buffer.alloc(STAMP_BYTES);
  bytes.writeUInt32LE(stamp, 8);
  bytes.writeBigInt64LE(isRacy ? BigInt(STARTED_AT_MS / 1000) : 1n, 36);
  return bytes;
}

function entryOf(path: Uint8Array, { content }: Inode): EncodedEntry {
  return EncodedEntry.of({
    path,
    kind: 'file',
    mode: 0o644,
    uid: content,
    gid: 0,
    mtimeNs: 0n,
    sizeBytes: 1,
    rdevMajor: 0,
    rdevMinor: 0,
    target: new Uint8Array(0),
    hardlinkGroup: 0,
    isSparse: false,
    xattrs: [],
    chunkIds: [new Uint8Array(32)],
  });
}

/** A tree, its index, and what that may know by now. */
class Bystander {
  readonly #index: LevelFileIndex;
  readonly #tree = new Map<number, Inode>(PATHS.map((_, i) => [i, { stamp: i, content: 0, isRacy: false }]));
  readonly #unsure = new Set<number>();
  #known = new Map<number, Inode>();
  /** True if a capture came to nothing after it may have written: what was known may be gone. */
  #isLossy = false;
  #number = PATHS.length;

  constructor(index: LevelFileIndex) {
    this.#index = index;
  }

  async take(step: Step): Promise<void> {
    const edited = step.edits.flatMap((edit) => this.#edit(edit));
    const all = [...this.#tree.keys()].sort((a, b) => a - b);
    const isCut = step.isWhole && step.end !== 'settle';
    const paths = step.isWhole ? all.slice(0, isCut ? step.reach : all.length) : edited;
    const begun = step.isWhole ? this.#index.begin(STARTED_AT_MS) : this.#index.beginPart(STARTED_AT_MS);
    const unsure = new Set([...this.#unsure].map((i) => keyOf(pathAt(i))));
    const run = doubting(await begun, (path) => unsure.has(keyOf(path)));
    const noted = await this.#pass(run, paths, step);
    if (step.end !== 'settle') {
      if (step.end === 'abandon') await run.abandon();
      this.#isLossy ||= step.isWhole;
      return;
    }
    if (!step.isWhole) this.#replace(run, edited, noted);
    await run.settle();
    if (step.isWhole) this.#isLossy = false;
    if (step.isWhole) this.#known = new Map();
    for (const [i, inode] of noted) {
      this.#unsure.delete(i);
      if (inode.isRacy) this.#known.delete(i);
      else this.#known.set(i, inode);
    }
  }

  /** What is gone is gone with all below it, but for what was looked at there. */
  #replace(run: FileIndexRun, edited: readonly number[], noted: ReadonlyMap<number, Inode>): void {
    const gone = edited.filter((i) => !this.#tree.has(i)).map(pathAt);
    for (const path of gone) run.replace?.(path);
    for (const i of this.#known.keys()) {
      const isGone = gone.some((path) => isWithin(pathAt(i), path) || keyOf(pathAt(i)) === keyOf(path));
      if (isGone && !noted.has(i)) this.#known.delete(i);
    }
  }

  #edit({ from, count, step, to }: Edit): number[] {
    const edited = Array.from({ length: count }, (_, i) => from + i * step).filter((i) => i < PATHS.length);
    for (const i of edited) {
      const former = this.#tree.get(i);
      const [stamp, content] = [this.#number++, this.#number++];
      if (to === 'gone') this.#tree.delete(i);
      else if (to === 'unsure' && former !== undefined && !former.isRacy) {
        this.#tree.set(i, { ...former, content });
        this.#unsure.add(i);
      } else this.#tree.set(i, { stamp, content, isRacy: to === 'racy' });
    }
    return edited;
  }

  async #pass(
    run: FileIndexRun,
    paths: readonly number[],
    { isWhole, lag }: Step,
  ): Promise<Map<number, Inode>> {
    const noted = new Map<number, Inode>();
    const waiting: (() => void | Promise<void>)[] = [];
    for (const i of paths) {
      const inode = this.#tree.get(i);
      if (inode === undefined) continue;
      const found = await run.find(pathAt(i), stampOf(inode));
      this.#judge(i, inode, found);
      noted.set(i, inode);
      const entry = found ?? entryOf(pathAt(i), inode);
      if (isWhole || found === undefined) waiting.push(() => run.remember(stampOf(inode), entry));
      if (waiting.length > lag) await waiting.shift()?.();
    }
    for (const remember of waiting) await remember();
    return noted;
  }

  #judge(i: number, inode: Inode, found: EncodedEntry | undefined): void {
    const known = this.#known.get(i);
    const isKnown = known?.stamp === inode.stamp && !this.#unsure.has(i);
    if (found === undefined) assert.ok(!isKnown || this.#isLossy, `${keyOf(pathAt(i))} was forgotten`);
    else {
      assert.ok(isKnown, `${keyOf(pathAt(i))} is not known so`);
      assert.equal(toHex(found.bytes), toHex(entryOf(pathAt(i), known).bytes));
    }
  }
}

function pathAt(i: number): Uint8Array {
  return PATHS[i] ?? new Uint8Array(0);
}

function keyOf(path: Uint8Array): string {
  return Buffer.from(path).toString('latin1');
}

const edit: fc.Arbitrary<Edit> = objectOf({
  from: fc.nat(PATHS.length - 1),
  count: fc.oneof(fc.nat(3), fc.nat(600)),
  step: fc.integer({ min: 1, max: 3 }),
  to: fc.constantFrom('changed', 'racy', 'gone', 'unsure'),
});
const step: fc.Arbitrary<Step> = objectOf({
  edits: fc.array(edit, { maxLength: 4 }),
  isWhole: fc.boolean(),
  end: fc.constantFrom('settle', 'settle', 'settle', 'abandon', 'leave'),
  lag: fc.oneof(fc.constant(0), fc.nat(600)),
  reach: fc.nat(PATHS.length),
});

describe('a file index', () => {
  const folder = scratchFolder();

  it('never knows a path but as the last capture that counts noted it', async () => {
    const db = new Level<string, string>(folder());
    let name = 0;
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
          const bystander = new Bystander(new LevelFileIndex(db, `tree${name++}`));
          for (const each of steps) await bystander.take(each);
        }),
        { numRuns: 25 },
      );
    } finally {
      await db.close();
    }
  });

  it('knows a path at the border of two blocks as it was noted last, though nobody asked for it before', async () => {
    const db = new Level<string, string>(folder());
    try {
      const bystander = new Bystander(new LevelFileIndex(db, 'tree'));
      const whole = { isWhole: true, end: 'settle', lag: 0, reach: 0, edits: [] } as const;
      await bystander.take(whole);
      // the first path of the second block, whose content changes under one stamp, as memory that is mapped does it
      const edits = [{ from: 256, count: 1, step: 1, to: 'unsure' }] as const;
      // the block before it has room for it
      await bystander.take({ ...whole, edits: [...edits, { from: 10, count: 1, step: 1, to: 'gone' }] });
      await bystander.take({ ...whole, edits, isWhole: false });
      await bystander.take(whole);
    } finally {
      await db.close();
    }
  });
});

describe('the file index of a tree', () => {
  const folder = scratchFolder();

  it('begins anew when what it says of its captures can not be read', async () => {
    const level = new Level<string, string>(folder());
    const index = new LevelFileIndex(level, 'tree');
    const inode = { stamp: 1, content: 1, isRacy: false };
    const path = Buffer.from('file');
    const run = await index.begin(STARTED_AT_MS);
    assert.equal(await run.find(path, stampOf(inode)), undefined);
    await run.remember(stampOf(inode), entryOf(path, inode));
    await run.settle();
    await level.sublevel(['tree', 'meta']).put('runs', '{"last":"many"}');
    const next = await index.begin(STARTED_AT_MS);
    assert.equal(await next.find(path, stampOf(inode)), undefined);
    await next.abandon();
    await level.close();
  });

  it('lets go of a capture that never ended when the next one begins', async () => {
    const level = new Level<string, string>(folder());
    const index = new LevelFileIndex(level, 'tree');
    const left = await index.begin(STARTED_AT_MS);
    await (await index.begin(STARTED_AT_MS)).settle();
    await assert.rejects(async () => left.find(Buffer.from('file'), new Uint8Array(STAMP_BYTES)), {
      code: 'LEVEL_ITERATOR_NOT_OPEN',
    });
    await level.close();
  });
});
