// The difference of two manifests is what a comparison of all paths says it is.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toHex } from '../../src/core/bytes.ts';
import { EncodedEntry } from '../../src/core/encoded-entry.ts';
import type { EntryKind } from '../../src/core/manifest.ts';
import { type Change, diffManifests, type EncodedStream } from '../../src/core/manifest-diff.ts';
import { comparePaths } from '../../src/core/path-order.ts';
import { hashing } from '../../src/sync/hashing.ts';

/** An entry as these tests think of it: `inode` is what names share. */
interface Sketch {
  readonly path: string;
  readonly kind: EntryKind;
  readonly content: number;
  readonly mode: number;
  readonly mtime: number;
  readonly xattr: number;
  readonly inode: number;
}

const sketches = fc
  .uniqueArray(
    fc.record({
      path: fc
        .array(fc.constantFrom('a', 'b', 'b-', 'b.c', 'é'), { minLength: 1, maxLength: 3 })
        .map((parts) => parts.join('/')),
      kind: fc.constantFrom<EntryKind>('file', 'file', 'file', 'symlink', 'directory'),
      content: fc.integer({ min: 0, max: 2 }),
      mode: fc.constantFrom(0o644, 0o600),
      mtime: fc.integer({ min: 0, max: 1 }),
      xattr: fc.integer({ min: 0, max: 1 }),
      inode: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 12, selector: ({ path }) => path },
  )
  .map(withFolders);

describe('the difference of two manifests', () => {
  it('is what a comparison of all paths says it is', async () => {
    await fc.assert(
      fc.asyncProperty(sketches, sketches, fc.integer({ min: 1, max: 4 }), async (before, after, batch) => {
        const changes = await collect(stream(before, batch), stream(after, 5 - batch));
        assert.deepEqual(changes.map(tell), naiveDiff(before, after));
      }),
      { numRuns: 1500 },
    );
  });

  it('is empty for a manifest and itself, and is turned round by exchanging the two', async () => {
    await fc.assert(
      fc.asyncProperty(sketches, sketches, async (before, after) => {
        assert.deepEqual(await collect(stream(before, 3), stream(before, 2)), []);
        const there = await collect(stream(before, 3), stream(after, 3));
        const back = await collect(stream(after, 3), stream(before, 3));
        const turned = { added: 'removed', removed: 'added', changed: 'changed', retyped: 'retyped' };
        assert.deepEqual(
          there.map((change) => [pathOf(change), turned[change.kind]]),
          back.map((change) => [pathOf(change), change.kind]),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('takes a name for unchanged when another name of its inode is gone', async () => {
    const linked = { kind: 'file', content: 1, mode: 0o644, mtime: 0, xattr: 0, inode: 1 } as const;
    const before = ['a', 'b', 'c'].map((path) => ({ ...linked, path }));
    const after = ['b', 'c', 'd'].map((path) => ({ ...linked, path }));
    const changes = await collect(stream(before, 2), stream(after, 2));
    assert.deepEqual(changes.map(tell), ['a removed', 'd added']);
  });

  it('closes both manifests when it is left early', async () => {
    const closed: string[] = [];
    async function* endless(name: string): AsyncGenerator<EncodedEntry[]> {
      try {
        for (let i = 0; ; i++)
          yield entriesOf([
            { path: `${name}${i}`, kind: 'file', content: 0, mode: 0, mtime: 0, xattr: 0, inode: 0 },
          ]);
      } finally {
        closed.push(name);
      }
    }
    for await (const change of diffManifests(endless('x'), endless('y'), hashing.sha256)) {
      assert.equal(change.kind, 'removed');
      break;
    }
    assert.deepEqual(closed, ['x', 'y']);
  });
});

async function collect(before: EncodedStream, after: EncodedStream): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const change of diffManifests(before, after, hashing.sha256)) changes.push(change);
  return changes;
}

function pathOf(change: Change): string {
  return Buffer.from('after' in change ? change.after.path : change.before.path).toString();
}

function tell(change: Change): string {
  const what = change.kind === 'changed' ? [change.isContentChanged ? 'content' : '', ...change.fields] : [];
  return [pathOf(change), change.kind, ...what].filter((word) => word !== '').join(' ');
}

/** By looking up every path of either side in both. */
function naiveDiff(before: readonly Sketch[], after: readonly Sketch[]): string[] {
  const paths = [...new Set([...before, ...after].map(({ path }) => path))].sort((a, b) =>
    comparePaths(Buffer.from(a), Buffer.from(b)),
  );
  const common = paths.filter((path) => {
    const kind = find(before, path)?.kind;
    return kind !== undefined && kind === find(after, path)?.kind;
  });
  return paths.flatMap((path) => {
    const old = find(before, path);
    const young = find(after, path);
    if (old === undefined) return [`${path} added`];
    if (young === undefined) return [`${path} removed`];
    if (old.kind !== young.kind) return [`${path} retyped`];
    const words: string[] = [];
    if (old.kind !== 'directory' && old.content !== young.content) words.push('content');
    if (old.mode !== young.mode) words.push('mode');
    if (old.mtime !== young.mtime) words.push('mtime');
    if (old.xattr !== young.xattr) words.push('xattrs');
    const isFirst = (list: readonly Sketch[]): ((other: string) => boolean) => {
      const own = find(list, path);
      return (other) => isShared(own, find(list, other));
    };
    const earlier = common.slice(0, common.indexOf(path));
    const mates = [earlier.find(isFirst(before)), earlier.find(isFirst(after))];
    const isRelinked = mates.some(
      (mate) =>
        mate !== undefined && isShared(old, find(before, mate)) !== isShared(young, find(after, mate)),
    );
    if (isRelinked) words.push('links');
    return words.length === 0 ? [] : [[path, 'changed', ...words].join(' ')];
  });
}

function isShared(a: Sketch | undefined, b: Sketch | undefined): boolean {
  return a !== undefined && b !== undefined && a.inode !== 0 && a.inode === b.inode;
}

function find(list: readonly Sketch[], path: string): Sketch | undefined {
  return list.find((sketch) => sketch.path === path);
}

/** A tree of the sketches: what others lie in becomes a folder, and names of one inode become alike. */
function withFolders(drawn: readonly Sketch[]): Sketch[] {
  const byPath = new Map(drawn.map((sketch) => [sketch.path, sketch]));
  const folder = { kind: 'directory', content: 0, mode: 0o700, mtime: 0, xattr: 0, inode: 0 } as const;
  for (const { path } of drawn) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const above = parts.slice(0, depth).join('/');
      byPath.set(above, { ...folder, ...byPath.get(above), ...{ path: above, kind: 'directory', inode: 0 } });
    }
  }
  const inodes = new Map<number, Sketch>();
  const sorted = [...byPath.values()].sort((a, b) => comparePaths(Buffer.from(a.path), Buffer.from(b.path)));
  return sorted.map((sketch) => {
    if (sketch.kind === 'directory') return { ...sketch, inode: 0 };
    if (sketch.inode === 0) return sketch;
    const first = inodes.get(sketch.inode) ?? sketch;
    inodes.set(sketch.inode, first);
    return { ...first, path: sketch.path };
  });
}

function entriesOf(list: readonly Sketch[]): EncodedEntry[] {
  const groups = new Map<number, number>();
  return list.map(({ path, kind, content, mode, mtime, xattr, inode }) => {
    const isFirst = inode === 0 || !groups.has(inode);
    if (inode !== 0 && isFirst) groups.set(inode, groups.size + 1);
    return EncodedEntry.of({
      ...{ path: Buffer.from(path), kind, mode, uid: 0, gid: 0, mtimeNs: BigInt(mtime), isSparse: false },
      sizeBytes: kind === 'file' ? 10 : 0,
      rdevMajor: 0,
      rdevMinor: 0,
      target: Buffer.from(kind === 'symlink' ? `to${content}` : ''),
      hardlinkGroup: inode === 0 ? 0 : (groups.get(inode) ?? 0),
      xattrs: xattr === 0 ? [] : [{ name: Buffer.from('user.x'), value: Buffer.from('1') }],
      chunkIds:
        kind === 'file' && isFirst ? [hashing.sha256(Buffer.from(toHex(Uint8Array.of(content))))] : [],
    });
  });
}

async function* stream(list: readonly Sketch[], batch: number): EncodedStream {
  const entries = entriesOf(list);
  for (let at = 0; at < entries.length; at += batch) yield entries.slice(at, at + batch);
}
