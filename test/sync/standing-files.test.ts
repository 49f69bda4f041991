// A restore beside a tree that has some of it already: the same files get another name, all else is written.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { equalBytes, toHex } from '../../src/core/bytes.ts';
import type { Root } from '../../src/core/root.ts';
import { readManifest } from '../../src/sync/browse/manifest-stream.ts';
import { captureTree } from '../../src/sync/files/capture.ts';
import { restoreTree } from '../../src/sync/files/restore.ts';
import type { RestoreResult } from '../../src/sync/files/restore-request.ts';
import { roomFor } from '../../src/sync/files/restore-room.ts';
import { StandingFiles } from '../../src/sync/files/standing-files.ts';
import { setMtimeNs } from '../../src/sync/posix/times.ts';
import { readXattrs, setXattr } from '../../src/sync/posix/xattr.ts';
import { run } from '../../src/sync/process.ts';
import { itAsRoot } from '../as-root.ts';
import { buildTree, generatedTrees } from './support/generated-tree.ts';
import { MemoryContent } from './support/memory-content.ts';
import { makeTempFolder } from './support/temp-folder.ts';
import { listTree } from './support/tree-listing.ts';

const BLOCK_BYTES = 4096;
const SLASH = 0x2f;

/** What may have become of a file since. */
const CHANGES: readonly ((file: Buffer) => void)[] = [
  () => undefined,
  () => undefined,
  (file) => quietly(file, () => beingWritable(file, 0o600, () => flip(file))),
  (file) => chmodSync(file, 0o640),
  (file) => rmSync(file),
  (file) => beingWritable(file, 0o600, () => writeFileSync(file, 'another length')),
  // an inode of its own with all that it had
  (file) => {
    const copy = Buffer.concat([file.subarray(0, file.lastIndexOf(SLASH) + 1), Buffer.from('~copy')]);
    quietly(file, () => {
      const { uid, gid, mode } = lstatSync(file);
      copyFileSync(file, copy);
      assert.deepEqual([uid, gid], [lstatSync(copy).uid, lstatSync(copy).gid]);
      // whoever is not root may describe what he may write
      chmodSync(copy, 0o600);
      for (const { name, value } of readXattrs(file)) setXattr(copy, name, value);
      chmodSync(copy, mode & 0o7777);
      renameSync(copy, file);
    });
  },
];

describe('a tree that is restored beside one that has some of it', () => {
  let folder: ReturnType<typeof makeTempFolder>;
  let content: MemoryContent;
  beforeEach(() => {
    folder = makeTempFolder();
    content = new MemoryContent();
  });
  afterEach(() => folder.remove());

  const at = (...names: string[]): string => join(folder.path, ...names);
  const standing = (): StandingFiles =>
    new StandingFiles(at('now'), {
      measure: async (id) => content.chunks.get(toHex(id))?.length,
      proves: (id, bytes) => equalBytes(createHash('sha256').update(bytes).digest(), id),
    });
  const restore = (root: Root): Promise<RestoreResult> =>
    restoreTree(root, content, at('target'), { standing: standing() });
  /** Makes `then`, which is captured, and `now`, which is the same. */
  const make = async (build: (path: (name: string) => string) => void): Promise<Root> => {
    mkdirSync(at('then'));
    build((name) => at('then', name));
    await run('cp', ['-a', at('then'), at('now')]);
    return (await captureTree(at('then'), content)).root;
  };

  it('is the captured one, whatever became of the other, which stays as it is until it is taken away', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(generatedTrees, fc.infiniteStream(fc.nat()), async (nodes, choices) => {
        folder.remove();
        mkdirSync(folder.path);
        content = new MemoryContent();
        const root = await make((path) => {
          buildTree(Buffer.from(path('')), nodes);
          setMtimeNs(path(''), 1_000_000_001n + BigInt(round++));
        });
        for (const file of filesBelow(at('now'))) {
          const change = CHANGES[(choices.next().value ?? 0) % CHANGES.length];
          beingWritable(file.subarray(0, file.lastIndexOf(SLASH)), 0o700, () => change?.(file));
        }
        const [then, now] = [listTree(at('then')), listTree(at('now'))];
        await restore(root);
        assert.deepEqual(withoutLinkCounts(listTree(at('now'))), withoutLinkCounts(now));
        removeTree(at('now'));
        assert.deepEqual(listTree(at('target')), then);
      }),
      { numRuns: 12 },
    );
  });

  it('takes no room for what is the same, which is told before', async () => {
    const root = await make((path) => {
      mkdirSync(path('folder'));
      writeFileSync(path('folder/kept'), Buffer.alloc(300_000, 'k'));
      writeFileSync(path('changed'), Buffer.alloc(10_000, 'c'));
      linkSync(path('folder/kept'), path('folder/also-kept'));
    });
    writeFileSync(at('now', 'changed'), 'since');
    // the tree's own folder, one in it, and a file of three blocks
    const room = await roomFor(readManifest(content, root), standing(), BLOCK_BYTES);
    assert.deepEqual(room, { bytes: 5 * BLOCK_BYTES, inodes: 3 });
    const { bytes, writtenBytes } = await restore(root);
    assert.deepEqual([bytes, writtenBytes], [310_000, 10_000]);
    const inode = lstatSync(at('now', 'folder/kept')).ino;
    for (const name of ['kept', 'also-kept'])
      assert.equal(lstatSync(at('target', 'folder', name)).ino, inode);
  });

  it('does not have what a drive lost of a file that still has its length and time', async () => {
    const root = await make((path) => writeFileSync(path('file'), Buffer.alloc(250_000, 'x')));
    const file = Buffer.from(at('now', 'file'));
    quietly(file, () => flip(file));
    await restore(root);
    assert.deepEqual(readFileSync(at('target', 'file')), Buffer.alloc(250_000, 'x'));
    assert.notEqual(lstatSync(at('target', 'file')).ino, lstatSync(file).ino);
  });

  it('has an inode for each file that had one, though they share one now', async () => {
    const root = await make((path) => {
      for (const name of ['one', 'other']) {
        writeFileSync(path(name), 'the same');
        setMtimeNs(path(name), 5n);
      }
    });
    quietly(Buffer.from(at('now')), () => {
      rmSync(at('now', 'other'));
      linkSync(at('now', 'one'), at('now', 'other'));
    });
    await restore(root);
    const [one, other] = ['one', 'other'].map((name) => lstatSync(at('target', name)).ino);
    assert.notEqual(one, other);
  });

  it('has an inode for each file that had one, though a link leads to one where the folder of the other was', async () => {
    const root = await make((path) => {
      for (const name of ['folder', 'other']) {
        mkdirSync(path(name));
        writeFileSync(path(`${name}/file`), 'the same');
        setMtimeNs(path(`${name}/file`), 5n);
      }
    });
    rmSync(at('now', 'other'), { recursive: true });
    symlinkSync('folder', at('now', 'other'));
    await restore(root);
    const [inode, other] = ['folder', 'other'].map((name) => lstatSync(at('target', name, 'file')).ino);
    assert.notEqual(inode, other);
    assert.equal(inode, lstatSync(at('now', 'folder', 'file')).ino);
  });

  it('has nothing of what lies elsewhere, wherever links lead', async () => {
    const root = await make((path) => {
      for (const name of ['folder', 'round']) mkdirSync(path(`${name}/inner`), { recursive: true });
      writeFileSync(path('folder/inner/file'), 'the same');
      writeFileSync(path('round/inner/file'), 'the same');
    });
    renameSync(at('now', 'folder'), at('elsewhere'));
    symlinkSync(at('elsewhere'), at('now', 'folder'));
    rmSync(at('now', 'round'), { recursive: true });
    symlinkSync('round', at('now', 'round'));
    await restore(root);
    assert.equal(readFileSync(at('target', 'round/inner/file'), 'utf8'), 'the same');
    assert.notEqual(
      lstatSync(at('target', 'folder/inner/file')).ino,
      lstatSync(at('elsewhere', 'inner/file')).ino,
    );
  });

  // only root may write what overlayfs does
  itAsRoot('has none of what overlayfs noted of the other’s inodes', async () => {
    const root = await make((path) => writeFileSync(path('file'), 'copied up'));
    setXattr(at('now', 'file'), 'trusted.overlay.origin', Buffer.from('a handle'));
    await restore(root);
    assert.deepEqual(readXattrs(at('target', 'file')), []);
  });
});

function filesBelow(dir: string): Buffer[] {
  const found: Buffer[] = [];
  const walk = (path: Buffer): void => {
    for (const name of readdirSync(path, { encoding: 'buffer' })) {
      const place = Buffer.concat([path, Buffer.from('/'), name]);
      const stats = lstatSync(place, { throwIfNoEntry: false });
      if (stats?.isDirectory() === true) walk(place);
      else if (stats?.isFile() === true) found.push(place);
    }
  };
  walk(Buffer.from(dir));
  return found;
}

/** Whoever is not root may do what the mode of a file or folder forbids once he has changed that; it is put back. */
function beingWritable(path: Buffer, rights: number, act: () => void): void {
  const mode = lstatSync(path).mode & 0o7777;
  chmodSync(path, mode | rights);
  act();
  chmodSync(path, mode);
}

/** Its files are those of another tree, too: only of the folders the mode may be changed. */
function removeTree(dir: string): void {
  execFileSync('find', [dir, '-type', 'd', '-exec', 'chmod', 'u+rwx', '{}', '+']);
  rmSync(dir, { recursive: true });
}

/** The next capture or comparison does not see it by the times. */
function quietly(path: Buffer, act: () => void): void {
  const { mtimeNs } = lstatSync(path, { bigint: true });
  act();
  setMtimeNs(path, mtimeNs);
}

function flip(file: Buffer): void {
  const { size } = lstatSync(file);
  if (size === 0) return;
  const byte = readFileSync(file)[size >> 1] ?? 0;
  const fd = openSync(file, 'r+');
  try {
    writeSync(fd, Buffer.of(byte ^ 1), 0, 1, size >> 1);
  } finally {
    closeSync(fd);
  }
}

/** The number before the name is that of the links. */
function withoutLinkCounts(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/ \d+ -> /, ' -> '));
}
