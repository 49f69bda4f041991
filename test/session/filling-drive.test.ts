// Drives with less and less room: whatever a command had come to, nothing is lost, and with room the next one works.
import assert from 'node:assert/strict';
import { existsSync, statfsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { run } from '../../src/sync/process.ts';
import { CrashLab } from '../tree/faults/crash-lab.ts';
import { leftovers, requireWholeHome, requireWholePod } from '../tree/faults/whole.ts';
import { assertSameFiles, filesBelow } from '../tree/tree-lab.ts';

const KIB = 1024;
/** What is left on the drive: nothing, some pages, and about as much as is needed. */
const ROOMS_KIB = [0, 8, 16, 32, 256, 408, 432, 768];

/** What is done in each room. */
interface Attempt {
  /** The only way in which it may fail. */
  readonly code: ErrorCode;
  readonly prepare: (roomKib: number) => Promise<unknown>;
  readonly act: () => Promise<unknown>;
  /** With room again. */
  readonly holds: (isDone: boolean) => Promise<void>;
}

describe('a drive with little room', () => {
  let lab: CrashLab;
  let drive: string;
  let home: string;
  afterEach(async () => {
    await run('umount', [drive]);
    await lab.close();
    await rm(drive, { recursive: true, force: true });
  });

  async function mountAt(path: string): Promise<void> {
    drive = path;
    await mkdir(drive, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=16M', 'tmpfs', drive]);
  }

  /** Fails unless no room is too little and the last is enough. */
  async function inEveryRoom({ code, prepare, act, holds }: Attempt): Promise<void> {
    const done: boolean[] = [];
    for (const roomKib of ROOMS_KIB) {
      await prepare(roomKib);
      const failure = await within(roomKib, act);
      assert.ok(failure === undefined || failure === code, `${roomKib} KiB: ${failure}`);
      done.push(failure === undefined);
      await holds(failure === undefined);
    }
    assert.deepEqual([done[0], done.at(-1)], [false, true]);
  }

  async function within(roomKib: number, act: () => Promise<unknown>): Promise<ErrorCode | undefined> {
    const filling = join(drive, 'filling');
    const { bavail, bsize } = statfsSync(drive);
    await writeFile(filling, Buffer.alloc(Math.max(0, bavail * bsize - roomKib * KIB)));
    try {
      await act();
      return undefined;
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      assert.ok(error.hint, error.message);
      return error.code;
    } finally {
      await rm(filling);
    }
  }

  it('leaves a checkpoint sealed or not, and the next one seals', async () => {
    await mountAt(await mkdtemp(join(tmpdir(), 'deskpod-filling-')));
    lab = await CrashLab.open(drive);
    await lab.checkpoint();
    await inEveryRoom({
      code: 'SPACE_EXHAUSTED',
      prepare: (roomKib) => lab.change('large', 400_000 + roomKib),
      act: () => lab.tree.checkpoint(),
      holds: async (isDone) => {
        const number = Math.max(...lab.sealed.keys()) + 1;
        lab.sealed.set(number, await filesBelow(lab.tree.dir));
        const { checkpoints } = await requireWholePod(lab.tree.dir, lab.sealed);
        assert.ok(checkpoints.at(-1)?.number === number || !isDone);
        await lab.checkpoint();
        await requireWholePod(lab.tree.dir, lab.sealed);
        assert.deepEqual(leftovers(lab.podDir), []);
        await lab.prune();
      },
    });
  });

  it('leaves a prune of the device undone, half done or done, and the next one ends it', async () => {
    await mountAt(await mkdtemp(join(tmpdir(), 'deskpod-filling-')));
    lab = await CrashLab.open(drive);
    await lab.change('kept', 200_000);
    await lab.checkpoint();
    for (const roomKib of ROOMS_KIB) {
      await lab.change('large', 200_000 + roomKib);
      await lab.change(`small ${roomKib}`, 20_000);
      await lab.checkpoint();
      const failure = await within(roomKib, () => lab.prune());
      assert.ok(failure === undefined || failure === 'SPACE_EXHAUSTED', `${roomKib} KiB: ${failure}`);
      await requireWholePod(lab.tree.dir, lab.sealed);
      await lab.prune();
      assert.equal((await requireWholePod(lab.tree.dir, lab.sealed)).checkpoints.length, 1);
      assert.deepEqual(leftovers(lab.podDir), []);
    }
  });

  it('leaves a home with its former head or the new one, and the next sync goes on', async () => {
    lab = await CrashLab.open();
    home = lab.tree.home;
    await mountAt(home);
    await lab.tree.program.answer(['home', 'add', home, ...lab.tree.at]);
    await lab.checkpoint();
    await lab.tree.sync();
    await inEveryRoom({
      code: 'HOME_FULL',
      prepare: async (roomKib) => {
        await lab.change('large', 400_000 + roomKib);
        await lab.checkpoint();
      },
      act: () => lab.tree.sync(),
      holds: async (isDone) => {
        const before = await requireWholeHome(home, lab.tree.podId, lab.sealed);
        assert.ok(before?.checkpoints.length === lab.sealed.size || !isDone);
        await lab.tree.sync();
        const after = await requireWholeHome(home, lab.tree.podId, lab.sealed);
        assert.equal(after?.checkpoints.length, lab.sealed.size);
        assert.deepEqual(leftovers(home), []);
      },
    });
  });

  it('leaves of a restore a place that the same command fills', async () => {
    lab = await CrashLab.open();
    await lab.change('large', 200_000);
    await lab.tree.bringHome();
    const back = join(lab.tree.temp, 'drive', 'back');
    await mountAt(join(lab.tree.temp, 'drive'));
    await inEveryRoom({
      code: 'SPACE_EXHAUSTED',
      prepare: () => rm(back, { recursive: true, force: true }),
      act: () => lab.tree.restoreHere('drive/back', {}),
      holds: async (isDone) => {
        if (isDone) return;
        assert.ok(!existsSync(join(back, '.deskpod', 'deskpod.pod')));
        await lab.tree.restoreHere('drive/back', {});
        await assertSameFiles(back, lab.tree.dir);
        assert.deepEqual(leftovers(join(back, '.deskpod')), []);
      },
    });
  });
});
