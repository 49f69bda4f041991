// Folders for a moment, and what killed processes leave of them.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from '../../src/sync/posix/flock.ts';
import { sweepScratchFolders, withScratchFolder } from '../../src/sync/scratch-folder.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const LEFT = '4194305-0123456789abcdef';
const HELD = '4194305-fedcba9876543210';

describe('a scratch folder', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let place: string;
  const { TMPDIR } = process.env;
  beforeEach(() => {
    temp = makeTempFolder();
    process.env.TMPDIR = temp.path;
    place = join(temp.path, `deskpod-${process.getuid?.() ?? 0}`);
  });
  afterEach(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    temp.remove();
  });

  it("is this user's alone, and gone afterwards, also when the work fails", async () => {
    await withScratchFolder(async (folder) => {
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      writeFileSync(join(folder, 'file'), '');
    });
    const failed = withScratchFolder(async () => {
      throw new Error('the work failed');
    });
    await assert.rejects(failed, /the work failed/);
    assert.deepEqual(readdirSync(place), []);
  });

  it('that a killed process left is removed by the next one, and none that is in use', async () => {
    mkdirSync(join(place, LEFT), { recursive: true, mode: 0o700 });
    writeFileSync(join(temp.path, 'kept'), '');
    symlinkSync(temp.path, join(place, LEFT, 'link'));
    writeFileSync(join(place, `${LEFT}.lock`), '1\n');
    await withScratchFolder(async (outer) => {
      assert.ok(!existsSync(join(place, LEFT)));
      await withScratchFolder(async () => assert.ok(existsSync(outer)));
      assert.ok(existsSync(outer));
    });
    assert.ok(existsSync(join(temp.path, 'kept')), 'no link is followed');
    const lock = tryLock(join(place, `${HELD}.lock`));
    mkdirSync(join(place, HELD));
    await withScratchFolder(async () => undefined);
    assert.deepEqual(readdirSync(place).sort(), [HELD, `${HELD}.lock`]);
    lock?.release();
  });

  it('stays with its lock file where what uses it cannot be let go of, until that can be', async () => {
    const kind = { name: 'kept', above: temp.path };
    const release = () => Promise.reject(new Error('in use'));
    await assert.rejects(
      withScratchFolder(async () => undefined, { ...kind, release }),
      /in use/,
    );
    const there = () => readdirSync(join(temp.path, `kept-${process.getuid?.() ?? 0}`)).length;
    assert.equal(there(), 2);
    await assert.rejects(sweepScratchFolders({ ...kind, release }), /in use/);
    assert.equal(there(), 2);
    await sweepScratchFolders(kind);
    assert.equal(there(), 0);
    await sweepScratchFolders({ ...kind, name: 'never-made' });
    assert.ok(!existsSync(join(temp.path, `never-made-${process.getuid?.() ?? 0}`)));
  });

  it('is made in no place that somebody else prepared', async () => {
    mkdirSync(join(temp.path, 'other'));
    symlinkSync('other', place);
    await assert.rejects(
      withScratchFolder(async () => undefined),
      { code: 'TARGET_WRITE_FAILED' },
    );
    assert.deepEqual(readdirSync(join(temp.path, 'other')), []);
  });
});
