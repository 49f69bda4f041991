// What only root can capture and restore, and what becomes of it without root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { captureTree } from '../../src/sync/files/capture.ts';
import { restoreTree } from '../../src/sync/files/restore.ts';
import { ScanAhead } from '../../src/sync/files/scan-ahead.ts';
import { makeDevice, makeSocket } from '../../src/sync/posix/nodes.ts';
import { readXattrs, setXattr } from '../../src/sync/posix/xattr.ts';
import { MemoryContent } from '../sync/support/memory-content.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';
import { listTree } from '../sync/support/tree-listing.ts';

/** A user who owns nothing here. */
const NOBODY = 65534;

describe('as root, a restored tree', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let source: string;
  let target: string;
  let content: MemoryContent;
  beforeEach(() => {
    temp = makeTempFolder();
    source = join(temp.path, 'source');
    target = join(temp.path, 'target');
    mkdirSync(source);
    content = new MemoryContent();
  });
  afterEach(() => temp.remove());

  async function restoreCaptured(): Promise<void> {
    const { root } = await captureTree(source, content);
    const { notRestored } = await restoreTree(root, content, target);
    assert.deepEqual(notRestored, { owners: 0, modes: 0, xattrs: 0, devices: 0, examples: [] });
  }

  it('has owners, setuid, devices and sockets', async () => {
    writeFileSync(join(source, 'setuid'), 'program');
    chownSync(join(source, 'setuid'), 1_879_048_192, 1_879_049_192);
    chmodSync(join(source, 'setuid'), 0o6755);
    makeDevice(join(source, 'null'), 'character', 0o666, { major: 1, minor: 3 });
    makeDevice(join(source, 'disk'), 'block', 0o640, { major: 259, minor: 1_048_575 });
    makeSocket(join(source, 'socket'), 0o755);
    mkdirSync(join(source, 'closed'), { mode: 0 });
    await restoreCaptured();
    assert.deepEqual(listTree(target), listTree(source));
  });

  it('has capabilities, ACLs and attributes of all namespaces', async () => {
    mkdirSync(join(source, 'folder'));
    execFileSync('setfacl', ['-m', 'u:1234:rwx,d:u:1234:rx', join(source, 'folder')]);
    writeFileSync(join(source, 'folder', 'file'), 'x');
    execFileSync('setfacl', ['-b', join(source, 'folder', 'file')]);
    setXattr(
      join(source, 'folder', 'file'),
      'security.capability',
      Buffer.from('0100000200040000000000000000000000000000', 'hex'),
    );
    setXattr(join(source, 'folder', 'file'), 'trusted.note', Buffer.from([0, 1, 255]));
    setXattr(join(source, 'folder', 'file'), 'user.empty', Buffer.alloc(0));
    await restoreCaptured();
    assert.deepEqual(listTree(target), listTree(source));
  });

  it('has what overlayfs says about content, and nothing of what it says about inodes', async () => {
    makeDevice(join(source, 'gone'), 'character', 0, { major: 0, minor: 0 });
    linkSync(join(source, 'gone'), join(source, 'gone too'));
    mkdirSync(join(source, 'new'));
    for (const mark of ['opaque', 'redirect', 'metacopy', 'origin', 'impure', 'uuid', 'nfs'])
      setXattr(join(source, 'new'), `trusted.overlay.${mark}`, Buffer.from('y'));
    await restoreCaptured();
    const names = readXattrs(join(target, 'new')).map(({ name }) => Buffer.from(name).toString());
    assert.deepEqual(names, [
      'trusted.overlay.metacopy',
      'trusted.overlay.opaque',
      'trusted.overlay.redirect',
    ]);
    assert.equal(statSync(join(target, 'gone')).ino, statSync(join(target, 'gone too')).ino);
    assert.equal(statSync(join(target, 'gone')).rdev, 0);
  });

  it('is a layer that overlayfs takes up again', async () => {
    const at = (name: string): string => join(temp.path, name);
    for (const name of ['lower', 'work', 'merged', 'work2']) mkdirSync(at(name));
    mkdirSync(join(at('lower'), 'replaced'));
    for (const name of ['deleted', 'changed', 'replaced/old'])
      writeFileSync(join(at('lower'), name), 'lower');
    const overlay = (upper: string, work: string, act: () => void): void => {
      const options = `lowerdir=${at('lower')},upperdir=${upper},workdir=${work},index=on,nfs_export=on`;
      execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, at('merged')]);
      try {
        act();
      } finally {
        execFileSync('umount', [at('merged')]);
      }
    };
    let before: string[] = [];
    overlay(source, at('work'), () => {
      rmSync(join(at('merged'), 'deleted'));
      writeFileSync(join(at('merged'), 'changed'), 'upper');
      rmSync(join(at('merged'), 'replaced'), { recursive: true });
      mkdirSync(join(at('merged'), 'replaced'));
      writeFileSync(join(at('merged'), 'replaced', 'young'), 'upper');
      before = listTree(at('merged'));
    });
    await restoreCaptured();
    overlay(target, at('work2'), () => assert.deepEqual(listTree(at('merged')), before));
  });

  it('takes a folder on which something is mounted as empty, and says so', async () => {
    const mounted = join(source, 'mounted');
    mkdirSync(mounted);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', mounted]);
    try {
      writeFileSync(join(mounted, 'elsewhere'), 'x');
      const { root, stats } = await captureTree(source, content);
      assert.deepEqual(
        stats.notCrossed.map((path) => Buffer.from(path).toString()),
        ['mounted'],
      );
      assert.equal((await restoreTree(root, content, target)).entries, 2);
      const begun = await captureTree(source, content, { ahead: new ScanAhead(source, {}) });
      assert.deepEqual(begun.stats.notCrossed, stats.notCrossed);
      const crossed = await captureTree(source, content, { crossesMounts: true });
      assert.equal(crossed.stats.files, 1);
    } finally {
      execFileSync('umount', [mounted]);
    }
  });

  it('says that there is no space left, where there is none', async () => {
    writeFileSync(join(source, 'large'), Buffer.alloc(8_000_000, 'x'));
    const { root } = await captureTree(source, content);
    mkdirSync(target);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', target]);
    try {
      await assert.rejects(restoreTree(root, content, target), (error) =>
        isDeskPodError(error, 'SPACE_EXHAUSTED'),
      );
    } finally {
      execFileSync('umount', [target]);
    }
  });

  it('lacks, without root, what only root can give, and counts it', async () => {
    writeFileSync(join(source, 'setuid'), 'program');
    chmodSync(join(source, 'setuid'), 0o4755);
    setXattr(join(source, 'setuid'), 'trusted.note', Buffer.from('x'));
    makeDevice(join(source, 'null'), 'character', 0o666, { major: 1, minor: 3 });
    const { root } = await captureTree(source, content);
    chmodSync(temp.path, 0o777);
    const { notRestored } = await asNobody(() => restoreTree(root, content, target));
    assert.deepEqual(
      { ...notRestored, examples: [] },
      { owners: 2, modes: 1, xattrs: 1, devices: 1, examples: [] },
    );
    assert.equal(readFileSync(join(target, 'setuid'), 'utf8'), 'program');
    assert.equal(statSync(join(target, 'setuid')).mode & 0o7777, 0o755);
  });

  it('is never made of what could not be read', async () => {
    chmodSync(temp.path, 0o755);
    mkdirSync(join(source, 'closed'), { mode: 0 });
    const isUnreadable =
      (name: RegExp) =>
      (error: unknown): boolean => {
        assert.ok(isDeskPodError(error, 'SOURCE_UNREADABLE'));
        assert.match(error.message, name);
        return true;
      };
    await assert.rejects(
      asNobody(() => captureTree(source, content)),
      isUnreadable(/closed/),
    );
    rmSync(join(source, 'closed'), { recursive: true });
    writeFileSync(join(source, 'secret'), 'x', { mode: 0o600 });
    await assert.rejects(
      asNobody(() => captureTree(source, content)),
      isUnreadable(/secret/),
    );
  });
});

/** Does something with the rights of a user who has none. */
async function asNobody<T>(act: () => Promise<T>): Promise<T> {
  assert.ok(process.seteuid !== undefined && process.setegid !== undefined);
  process.setegid(NOBODY);
  process.seteuid(NOBODY);
  try {
    return await act();
  } finally {
    process.seteuid(0);
    process.setegid(0);
  }
}
