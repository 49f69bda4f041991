// What the difference of two manifests tells of loss: every name and every content counted once.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LossFacts } from '../../src/core/checkpoint-doubt.ts';
import { EncodedEntry } from '../../src/core/encoded-entry.ts';
import { LossCensus, type MountChanges } from '../../src/core/loss-census.ts';
import type { ManifestEntry } from '../../src/core/manifest.ts';
import { diffManifests, type EncodedStream } from '../../src/core/manifest-diff.ts';
import { comparePaths } from '../../src/core/path-order.ts';
import { hashing } from '../../src/sync/hashing.ts';

/**
 * Files by path, with their content in words; what begins with `noise` does not compress, `base64` to three quarters, and of
 * `nil` nothing is left.
 */
type Files = Readonly<Record<string, string>>;

const text = new TextEncoder();
const PLAIN_BYTES = 1000;
const words = new Map<string, string>();

function idOf(word: string): Uint8Array {
  const id = hashing.sha256(text.encode(word));
  words.set(Buffer.from(id).toString('hex'), word);
  return id;
}

function lengthsOf(id: Uint8Array): { storedLength: number; plainLength: number } | undefined {
  const word = words.get(Buffer.from(id).toString('hex'));
  if (word === undefined) return undefined;
  if (word.startsWith('nil')) return { plainLength: PLAIN_BYTES, storedLength: PLAIN_BYTES / 50 };
  if (word.startsWith('base64')) return { plainLength: PLAIN_BYTES, storedLength: PLAIN_BYTES * 0.76 };
  return { plainLength: PLAIN_BYTES, storedLength: word.startsWith('noise') ? PLAIN_BYTES : PLAIN_BYTES / 3 };
}

function manifestOf(files: Files): ManifestEntry[] {
  const entries = Object.entries(files).map(([path, content]): ManifestEntry => {
    const chunkIds = content === '' ? [] : content.split(' ').map(idOf);
    return {
      ...{ path: text.encode(path), kind: 'file', mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n },
      ...{ sizeBytes: chunkIds.length * PLAIN_BYTES, rdevMajor: 0, rdevMinor: 0, target: new Uint8Array(0) },
      ...{ hardlinkGroup: 0, isSparse: false, xattrs: [], chunkIds },
    };
  });
  return entries.sort((a, b) => comparePaths(a.path, b.path));
}

async function census(before: Files, after: Files, mounts?: MountChanges) {
  const counted = new LossCensus(lengthsOf, mounts);
  async function* seen(files: Files, see: (entry: EncodedEntry) => void): EncodedStream {
    for (const entry of manifestOf(files).map(EncodedEntry.of)) {
      see(entry);
      yield [entry];
    }
  }
  const former = seen(before, (entry) => counted.seeFormer(entry));
  const present = seen(after, (entry) => counted.seePresent(entry));
  for await (const change of diffManifests(former, present, hashing.sha256)) counted.note(change);
  return { facts: counted.facts(), examples: counted.examples().map((path) => Buffer.from(path).toString()) };
}

async function facts(before: Files, after: Files, mounts?: MountChanges): Promise<LossFacts> {
  return (await census(before, after, mounts)).facts;
}

const someFiles = fc.dictionary(
  fc.stringMatching(/^[a-c]{1,3}(\/[a-c.]{1,2}x)?$/),
  fc.constantFrom('', 'one', 'two', 'three four', 'noise', 'noise2 one'),
  { maxKeys: 12 },
);

describe('a census of what was lost', () => {
  it('counts names that are gone, and names them', async () => {
    const { facts, examples } = await census({ a: 'one', 'b/c': 'two', d: 'three' }, { a: 'one' });
    assert.deepEqual([facts.formerCount, facts.presentFiles, facts.goneCount], [3, 1, 2]);
    assert.deepEqual(examples, ['b/c', 'd']);
  });

  it('counts a file as gone whose content is', async () => {
    assert.equal((await facts({ a: 'one', b: 'two' }, { a: '', b: 'two' })).goneCount, 1);
    assert.equal((await facts({ a: '', b: 'two' }, { a: 'one', b: 'two' })).goneCount, 0);
  });

  it('counts a file as gone of which next to nothing is left, wiped or written over, unless that moved', async () => {
    const before = { a: 'one', b: 'noise', c: 'one two three', d: 'four' };
    const found = await census(before, { a: 'nil', b: 'nil', c: 'nil nil nil', d: 'five' });
    assert.deepEqual([found.facts.goneCount, found.facts.noiseCount], [3, 0]);
    assert.deepEqual(found.examples, ['a', 'b', 'c']);
    assert.equal((await facts({ log: 'one two' }, { log: 'nil', 'log.1': 'one two' })).goneCount, 0);
    assert.equal((await facts({ a: 'nil' }, { a: 'nil2' })).goneCount, 0);
  });

  it('counts no file as gone that was moved, and of two with one content the one that was not', async () => {
    assert.equal((await facts({ 'a/1': 'one', 'a/2': 'two' }, { 'b/1': 'one', 'b/2': 'two' })).goneCount, 0);
    assert.equal((await facts({ a: 'one', b: 'one' }, { c: 'one' })).goneCount, 1);
    assert.equal((await facts({ a: 'one', b: 'one' }, { a: 'one' })).goneCount, 1);
  });

  it('counts what became noise where it was, also in a part of it', async () => {
    const found = await facts(
      { a: 'one', b: 'two', c: 'three four' },
      { a: 'noise', b: 'five', c: 'noise2 four' },
    );
    assert.deepEqual([found.noiseCount, found.replacedCount, found.goneCount], [2, 3, 0]);
  });

  it('counts no noise where noise was before, or where nobody knows', async () => {
    assert.equal((await facts({ a: 'noise1', b: 'two' }, { a: 'noise2', b: 'noise3 two' })).noiseCount, 0);
  });

  it('counts noise that was written as text, where text was before', async () => {
    const before = { a: 'one', b: 'base64 two', c: 'base64-9', d: 'four', e: 'noise' };
    const after = {
      a: 'base64',
      b: 'base64 base64-2',
      c: 'base64-3',
      'd.locked': 'base64-4',
      e: 'base64-5',
    };
    assert.equal((await facts(before, after)).noiseCount, 3);
  });

  it('counts noise under the name of what is gone with one suffix, but for those of packers', async () => {
    const before = { 'a.txt': 'one', 'a.txt-2': 'two', 'b.txt': 'three', c: 'four' };
    const locked = {
      'a.txt.locked': 'noise1',
      'a.txt-2.locked': 'noise2',
      'b.txt.locked': 'noise3',
      c: 'four',
    };
    const found = await facts(before, locked);
    assert.deepEqual([found.noiseCount, found.goneCount], [3, 3]);
    const packed = { 'a.txt.gz': 'noise1', 'a.txt-2.gz': 'noise2', 'b.txt.gz': 'noise3', c: 'four' };
    assert.equal((await facts(before, packed)).noiseCount, 0);
    const named = { 'a.txt.1': 'noise1', 'a.txt-2.2': 'noise2', 'b.txt.3': 'noise3', c: 'four' };
    assert.equal((await facts(before, named)).noiseCount, 1);
  });

  it('leaves out what programs make again', async () => {
    const before = {
      'node_modules/a': 'one',
      'src/node_modules/b/c': 'two',
      'src/.git/objects/00/1': 'three',
      'src/.git/config': 'four',
      'home/.cache/x': 'five',
      'my-node_modules/d': 'six',
    };
    const found = await facts(before, {});
    assert.deepEqual([found.formerCount, found.goneCount], [2, 2]);
    assert.equal((await facts(before, { '.cache/a': 'one' })).presentFiles, 1);
  });

  it('tells what is gone where mounts differ, first of all', async () => {
    const place = [text.encode('m')];
    const before = { a: 'one', 'm/b': 'two', mm: 'three' };
    const hidden = await census(before, { mm: 'three' }, { hidden: place, unmounted: [] });
    assert.deepEqual([hidden.facts.hiddenCount, hidden.facts.goneCount], [1, 2]);
    assert.deepEqual(hidden.examples, ['m/b', 'a']);
    const unmounted = await facts(before, { mm: 'three' }, { hidden: [], unmounted: place });
    assert.equal(unmounted.unmountedCount, 1);
  });

  it('finds nothing lost between equal manifests, and never more than there was', async () => {
    await fc.assert(
      fc.asyncProperty(someFiles, someFiles, async (before, after) => {
        const same = await facts(before, before);
        assert.deepEqual([same.goneCount, same.replacedCount, same.noiseCount], [0, 0, 0]);
        const found = await facts(before, after);
        assert.equal(found.formerCount, Object.keys(before).length);
        assert.equal(found.presentFiles, Object.keys(after).length);
        assert.ok(found.goneCount <= found.formerCount);
        assert.ok(found.noiseCount <= found.replacedCount && found.replacedCount <= found.formerCount);
      }),
    );
  });

  it('finds all gone that has no name and no content in common', async () => {
    await fc.assert(
      fc.asyncProperty(someFiles, async (before) => {
        const found = await facts(before, { 'z/other': 'nothing like it' });
        assert.equal(found.goneCount, Object.keys(before).length);
      }),
    );
  });
});
