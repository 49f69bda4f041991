// Folders for a moment, and what killed processes leave of them.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from '../../src/sync/posix/flock.ts';
import { withScratchFolder } from '../../src/sync/scratch-folder.ts';
import { makeTempFolder } from './support/temp-folder.ts';

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
    mkdirSync(join(place, 'left'), { recursive: true, mode: 0o700 });
    writeFileSync(join(place, 'left', 'file'), '');
    writeFileSync(join(place, 'left.lock'), '1\n');
    await withScratchFolder(async (outer) => {
      assert.ok(!existsSync(join(place, 'left')));
      await withScratchFolder(async () => assert.ok(existsSync(outer)));
      assert.ok(existsSync(outer));
    });
    const lock = tryLock(join(place, 'held.lock'));
    mkdirSync(join(place, 'held'));
    await withScratchFolder(async () => undefined);
    assert.deepEqual(readdirSync(place).sort(), ['held', 'held.lock']);
    lock?.release();
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
