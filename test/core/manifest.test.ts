// Manifests.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { concatBytes, utf8 } from '../../src/core/bytes.ts';
import { EncodedEntry } from '../../src/core/encoded-entry.ts';
import {
  type EntryKind,
  encodeEntry,
  ManifestDecoder,
  ManifestEncoder,
  type ManifestEntry,
} from '../../src/core/manifest.ts';
import { comparePaths } from '../../src/core/path-order.ts';
import {
  assertCode,
  assertParserIsTotal,
  assertTruncationIsFound,
  bytesOf,
  objectOf,
} from './parser-suite.ts';

const codes = ['MANIFEST_DAMAGED', 'FORMAT_UNKNOWN'] as const;

function entryOf(path: string, fields: Partial<ManifestEntry> = {}): ManifestEntry {
  return {
    path: utf8(path),
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    sizeBytes: 0,
    rdevMajor: 0,
    rdevMinor: 0,
    target: new Uint8Array(0),
    hardlinkGroup: 0,
    isSparse: false,
    xattrs: [],
    chunkIds: [],
    ...fields,
  };
}

function encode(entries: readonly ManifestEntry[]): Uint8Array {
  const encoder = new ManifestEncoder();
  return concatBytes([encoder.start(), ...entries.map((entry) => encoder.entry(entry)), encoder.end()]);
}

function decode(bytes: Uint8Array, pieceBytes = bytes.length): ManifestEntry[] {
  const decoder = new ManifestDecoder();
  const entries: ManifestEntry[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    entries.push(...decoder.push(bytes.subarray(at, at + pieceBytes)));
  decoder.end();
  return entries;
}

const nonZero = fc.uint8Array({ min: 1, minLength: 1, maxLength: 40 });
const common = {
  mode: fc.nat(0o7777),
  uid: fc.nat(2 ** 32 - 1),
  gid: fc.nat(2 ** 32 - 1),
  mtimeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  xattrs: fc.array(objectOf({ name: nonZero, value: fc.uint8Array({ maxLength: 100 }) }), { maxLength: 3 }),
};
const fields: fc.Arbitrary<Partial<ManifestEntry>> = fc.oneof(
  objectOf({
    ...common,
    kind: fc.constant('file' as const),
    sizeBytes: fc.maxSafeNat(),
    isSparse: fc.boolean(),
    chunkIds: fc.array(bytesOf(32), { maxLength: 4 }),
  }),
  objectOf({ ...common, kind: fc.constant('directory' as const) }),
  objectOf({ ...common, kind: fc.constant('symlink' as const), target: nonZero }),
  objectOf({ ...common, kind: fc.constantFrom('fifo' as const, 'socket' as const) }),
  objectOf({
    ...common,
    kind: fc.constantFrom('character-device' as const, 'block-device' as const),
    rdevMajor: fc.nat(2 ** 32 - 1),
    rdevMinor: fc.nat(2 ** 32 - 1),
  }),
);
const component = fc
  .uint8Array({ min: 1, minLength: 1, maxLength: 8 })
  .map((bytes) => bytes.map((byte) => (byte === 0x2f ? 0xe9 : byte)))
  .filter((bytes) => bytes.some((byte) => byte !== 0x2e));

/** Trees: a list of (parent among the folders so far, name, fields), sorted and without doubles. */
const tree = fc.array(fc.tuple(fc.nat(), component, fields), { maxLength: 30 }).map((nodes) => {
  const folders: Uint8Array[] = [new Uint8Array(0)];
  const byPath = new Map<string, ManifestEntry>();
  for (const [pick, name, given] of nodes) {
    const parent = folders[pick % folders.length] ?? new Uint8Array(0);
    const path = parent.length === 0 ? name : concatBytes([parent, utf8('/'), name]);
    const key = Buffer.from(path).toString('latin1');
    if (byPath.has(key)) continue;
    byPath.set(key, { ...entryOf(''), ...given, path });
    if (given.kind === 'directory') folders.push(path);
  }
  return [...byPath.values()].sort((a, b) => comparePaths(a.path, b.path));
});

describe('manifest', () => {
  it('reads back any tree, in pieces of any length', () => {
    fc.assert(
      fc.property(tree, fc.integer({ min: 1, max: 200 }), (entries, pieceBytes) => {
        assert.deepEqual(decode(encode(entries), pieceBytes), entries);
      }),
      { numRuns: 300 },
    );
  });

  it('says the same of an entry by its bytes alone as the entry itself', () => {
    const one = fc.tuple(component, fields, fc.nat(3)).map(([path, given, hardlinkGroup]): ManifestEntry => {
      const group = given.kind === 'directory' ? 0 : hardlinkGroup;
      return { ...entryOf(''), ...given, path, hardlinkGroup: group };
    });
    fc.assert(
      fc.property(one, fc.nat(9), (entry, offset) => {
        const alone = EncodedEntry.of(entry);
        // as it lies in a manifest, in a block of the file index
        const all = concatBytes([
          new Uint8Array(offset).fill(0xff),
          alone.bytes,
          new Uint8Array(3).fill(0xff),
        ]);
        const encoded = new EncodedEntry(all.subarray(offset, offset + alone.bytes.length));
        const { kind, path, sizeBytes, hardlinkGroup, chunkIds } = encoded;
        assert.deepEqual({ ...encoded.decode(), kind, path, sizeBytes, hardlinkGroup, chunkIds }, entry);
        assert.deepEqual(encoded.decode(), entry);
        assert.deepEqual(encodeEntry(encoded.decode()), alone.bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('takes the top folder itself as its first entry', () => {
    const entries = [entryOf('', { kind: 'directory', mode: 0o1777 }), entryOf('a')];
    assert.deepEqual(decode(encode(entries)), entries);
    assertCode(() => encode([entryOf('a'), entryOf('', { kind: 'directory' })]), 'MANIFEST_DAMAGED');
    assertCode(() => encode([entryOf('')]), 'MANIFEST_DAMAGED');
  });

  it('takes entries where a look at all paths before says that they may stand, and nowhere else', () => {
    const paths = fc.array(fc.constantFrom('a', 'b', 'a-', 'ab', '.', '..', '', 'a\0'), {
      minLength: 1,
      maxLength: 4,
    });
    const one = fc.record({
      path: paths.map((parts) => parts.join('/')),
      kind: fc.constantFrom<EntryKind>('directory', 'directory', 'file'),
    });
    const some = fc.array(one, { maxLength: 12 });
    // in order nearly every time, or hardly any list would get far
    const listed = fc.tuple(some, fc.boolean(), fc.boolean()).map(([drawn, isSorted, isListed]) => {
      const folders = drawn.flatMap(({ path }) =>
        path
          .split('/')
          .map((_, depth, parts) => ({ path: parts.slice(0, depth).join('/'), kind: 'directory' as const })),
      );
      const all = isListed ? [...drawn, ...folders.filter(({ path }) => path !== '')] : drawn;
      if (!isSorted) return all;
      const byPath = new Map(all.map((entry) => [entry.path, entry]));
      return [...byPath.values()].sort((a, b) => comparePaths(utf8(a.path), utf8(b.path)));
    });
    fc.assert(
      fc.property(listed, (entries) => {
        const encoder = new ManifestEncoder();
        for (const [i, { path, kind }] of entries.entries()) {
          const placing = (): Uint8Array => encoder.entry(entryOf(path, { kind }));
          if (!mayStand(entries, i)) return assertCode(placing, 'MANIFEST_DAMAGED');
          placing();
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('puts a folder before its contents and these before its siblings', () => {
    const paths = ['a', 'a/z', 'a-b', 'a.b', 'ab'].map(utf8);
    assert.deepEqual(paths.toSorted(comparePaths), paths);
  });

  it('refuses paths that lead out of the folder', () => {
    for (const path of ['/etc', '../x', 'a/../b', '.', './a', 'a//b', 'a/', 'a\0b', '..']) {
      assertCode(() => encode([entryOf('a', { kind: 'directory' }), entryOf(path)]), 'MANIFEST_DAMAGED');
      assertCode(() => decode(forged(path)), 'MANIFEST_DAMAGED');
    }
  });

  it('refuses entries without their folder, below something else, twice or out of order', () => {
    assertCode(() => encode([entryOf('a/b')]), 'MANIFEST_DAMAGED');
    assertCode(
      () => encode([entryOf('a', { kind: 'symlink', target: utf8('/') }), entryOf('a/b')]),
      'MANIFEST_DAMAGED',
    );
    assertCode(() => encode([entryOf('a'), entryOf('a')]), 'MANIFEST_DAMAGED');
    assertCode(() => encode([entryOf('b'), entryOf('a')]), 'MANIFEST_DAMAGED');
  });

  it('keeps the content of a hardlink group at its first member', () => {
    const id = new Uint8Array(32);
    const entries = [
      entryOf('a', { hardlinkGroup: 1, sizeBytes: 3, chunkIds: [id] }),
      entryOf('b', { hardlinkGroup: 2 }),
      entryOf('c', { hardlinkGroup: 1, sizeBytes: 3 }),
    ];
    assert.deepEqual(decode(encode(entries)), entries);
    const twice = [...entries, entryOf('d', { hardlinkGroup: 1, chunkIds: [id] })];
    assertCode(() => encode(twice), 'MANIFEST_DAMAGED');
    assertCode(() => encode([entryOf('a', { hardlinkGroup: 2 })]), 'MANIFEST_DAMAGED');
  });

  it('finds truncation everywhere, and bytes after its end', () => {
    const bytes = encode([
      entryOf('a', { kind: 'directory' }),
      entryOf('a/b', { chunkIds: [new Uint8Array(32)] }),
    ]);
    assertTruncationIsFound(bytes, (cut) => decode(cut), ...codes);
    assertCode(() => decode(concatBytes([bytes, Uint8Array.of(0)])), 'MANIFEST_DAMAGED');
    assertCode(() => decode(concatBytes([bytes, Uint8Array.of(0)]), bytes.length), 'MANIFEST_DAMAGED');
  });

  it('bears any bytes', () => {
    const small = encode([
      entryOf('a', { kind: 'directory' }),
      entryOf('a/b', { chunkIds: [new Uint8Array(32)] }),
    ]);
    const large = encode(
      fc.sample(tree, { numRuns: 20, seed: 3 }).reduce((a, b) => (a.length > b.length ? a : b)),
    );
    assertParserIsTotal([small, large, encode([])], (bytes) => decode(bytes), ...codes);
  });
});

/** A manifest of one folder `a` and a file whose path no encoder would write. */
function forged(path: string): Uint8Array {
  const stand = `a/${'x'.repeat(Math.max(0, path.length - 2))}`.slice(0, path.length);
  const name = path.length < 3 ? 'x'.repeat(path.length) : stand;
  const bytes = encode([entryOf('a', { kind: 'directory' }), entryOf(name)]);
  const at = Buffer.from(bytes).lastIndexOf(name);
  const changed = bytes.slice();
  changed.set(utf8(path), at);
  return changed;
}

/** Whether an entry may come after those before it, by looking at all of them. */
function mayStand(
  entries: readonly { readonly path: string; readonly kind: EntryKind }[],
  at: number,
): boolean {
  const { path = '', kind = 'file' } = entries[at] ?? {};
  const before = entries.slice(0, at);
  if (path === '' && kind === 'directory' && at === 0) return true;
  const parts = path.split('/');
  if (parts.some((part) => ['', '.', '..'].includes(part) || part.includes('\0'))) return false;
  if (before.some((other) => comparePaths(utf8(other.path), utf8(path)) >= 0)) return false;
  const folder = parts.slice(0, -1).join('/');
  return folder === '' || before.some((other) => other.path === folder && other.kind === 'directory');
}
