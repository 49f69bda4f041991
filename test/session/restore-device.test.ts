// A desktop restored to a device: it goes on where it was interrupted, and what does not fit is refused before anything is touched.
import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from '../../src/core/progress.ts';
import { mountDevice } from '../../src/session/device/device.ts';
import { ENTRY_NAME, RESTORE_NOTE, RUNTIME_NAME } from '../../src/session/device/device-content.ts';
import { lookAtDrive } from '../../src/session/device/drives.ts';
import { seeTarget } from '../../src/session/device/seen-target.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { layerDirs } from '../../src/session/pod/layer-dirs.ts';
import { closeDevice, openDevice } from '../../src/session/pod/open-device.ts';
import { type RestorePlan, restorePod } from '../../src/session/pod/restore-pod.ts';
import type { NewDevice } from '../../src/sync/pod/new-device.ts';
import { run } from '../../src/sync/process.ts';
import { PulledDrive } from '../desktop/pulled-drive.ts';
import { itIfThorough } from '../exhaustive.ts';
import { noise } from '../sync/retention/prune-lab.ts';
import { failureOf, holdOpen, kill, MEBIBYTE, onDrive } from './device-bench.ts';
import { CREDENTIAL, quiet, SETTINGS, TwinLab } from './twin-lab.ts';

const SIZE_BYTES = 400 * MEBIBYTE;
const FILE_BYTES = 3 * MEBIBYTE;
/** What others may have put on a drive that is handed over half-restored. */
const FOREIGN = [ENTRY_NAME, RUNTIME_NAME];

describe('a desktop restored to a device', () => {
  let lab: TwinLab;
  let home: string;
  let target: string;
  beforeEach(async () => {
    lab = await TwinLab.open();
    home = lab.bench.path('home');
    target = lab.bench.path('new.img');
    await lab.operations['home-add']({ url: home }, quiet);
    for (const at of [1, 2, 3]) await lab.checkpoint('file', noise(FILE_BYTES, `content ${at}`));
    await lab.sync();
  });
  afterEach(() => lab.close());

  const restore = (what: Partial<RestorePlan> = {}): Promise<NewDevice> =>
    restorePod({
      ...{ from: home, credential: CREDENTIAL, target, sizeBytes: SIZE_BYTES, isForced: false },
      onProgress: () => undefined,
      ...what,
    });
  /** Stops a restore at the first progress that `matches`. */
  const stopAt = async (matches: (progress: Progress) => boolean): Promise<void> => {
    const stop = new AbortController();
    const onProgress = (progress: Progress): void => {
      if (matches(progress)) stop.abort(new Error('stopped'));
    };
    await assert.rejects(restore({ onProgress, signal: stop.signal }));
    assert.ok(stop.signal.aborted);
  };
  /** The inodes of what was fetched. */
  const fetched = async (image = target): Promise<Map<string, number>> => {
    const device = await mountDevice(image, { isFresh: true });
    try {
      const packs = join(device.mountDir, 'repository', 'packs');
      const found = new Map<string, number>();
      for (const path of await readdir(packs, { recursive: true }))
        if (path.endsWith('.age')) found.set(path, (await stat(join(packs, path))).ino);
      return found;
    } finally {
      await device.unmount();
    }
  };
  const content = async (image = target): Promise<Buffer> => {
    const opened = await openDevice(image, CREDENTIAL);
    try {
      const names = await readdir(opened.device.mountDir);
      for (const name of [RESTORE_NOTE, ...FOREIGN]) assert.ok(!names.includes(name), name);
      return await readFile(join(layerDirs(opened.vault.dir).upperDir, 'file'));
    } finally {
      await closeDevice(opened);
    }
  };

  for (const [moment, matches, itThen] of [
    ['when all had come', ({ step }: Progress) => step === 'checking what came', it],
    ['while its files were laid out', ({ step }: Progress) => step === 'laying out the files', itIfThorough],
  ] as const) {
    itThen(`goes on where it was stopped ${moment}: what had come is not fetched again`, async () => {
      await stopAt(matches);
      const before = await fetched();
      assert.ok(before.size >= 3);
      assert.equal((await lookAtDrive(target)).isUnfinishedRestore, true);
      await onDrive(
        target,
        `for name in ${FOREIGN.join(' ')}; do echo 'echo owned' >$name; done; mkfifo repository/packs/pipe`,
      );
      await restore();
      const after = await fetched();
      for (const [path, inode] of before) assert.equal(after.get(path), inode, path);
      assert.deepEqual(await content(), Buffer.from(noise(FILE_BYTES, 'content 3')));
      await failureOf('POD_EXISTS', () => restore());
    });
  }

  itIfThorough('goes on after its drive was pulled out half-way, and says what to do', async () => {
    const drive = await PulledDrive.make(700);
    try {
      const image = join(drive.dir, 'new.img');
      let pulling: Promise<void> | undefined;
      const failure = await failureOf('DEVICE_GONE', () =>
        restore({
          target: image,
          onProgress: ({ step }) => {
            if (step.startsWith('fetching from')) pulling ??= drive.pull();
          },
        }),
      );
      await pulling;
      assert.match(failure.hint ?? '', /restore to it once more/);
      await drive.plugIn();
      await restore({ target: image });
      assert.deepEqual(await content(image), Buffer.from(noise(FILE_BYTES, 'content 3')));
    } finally {
      await drive.close();
    }
  });

  itIfThorough(
    'refuses a device that is in use, with who holds it, and one that has no room, before it is touched',
    async () => {
      const used = await lab.bench.blockDevice('used.img', SIZE_BYTES);
      await run('mkfs.ext4', ['-q', used]);
      const dir = lab.bench.path('mounted');
      await run('mkdir', [dir]);
      await run('mount', [used, dir]);
      lab.bench.atEnd(() => run('umount', [dir]));
      await run('touch', [join(dir, 'letter')]);
      const holder = await holdOpen(join(dir, 'letter'));
      lab.bench.atEnd(() => kill(holder));
      const held = await failureOf('DEVICE_IN_USE', () => restoreTo({ target: used, isForced: true }));
      assert.match(held.message, new RegExp(`mounted on ${dir} by .*\\(pid ${holder.pid}\\) with`));
      const small = await lab.bench.blockDevice('small.img', 64 * MEBIBYTE);
      await failureOf('DEVICE_TOO_SMALL', () => restoreTo({ target: small, isForced: true }));
      const inside = await failureOf('USAGE', () => restore({ target: join(home, 'pods', 'new.img') }));
      assert.match(inside.message, /the target lies in the home/);
    },
  );

  it('refuses a target that is not as it was when it was chosen, before it is touched', async () => {
    await run('truncate', ['-s', String(SIZE_BYTES), target]);
    const seen = await seeTarget(target);
    await writeFile(target, 'written since', { flag: 'r+' });
    const failure = await failureOf('DEVICE_CHANGED', () => restoreTo({ seen, isForced: true }));
    assert.match(failure.message, /expected what was chosen, but what is on it has changed$/);
    assert.equal((await run('head', ['-c', '13', target])).stdout, 'written since');
  });

  /** Without the size of an image file. */
  const restoreTo = (what: Partial<RestorePlan>): Promise<NewDevice> =>
    restorePod({
      ...{ from: home, credential: CREDENTIAL, target, isForced: false, onProgress: () => undefined },
      ...what,
    });

  itIfThorough(
    'can be usable first: what only older checkpoints need comes later, and until then is known to be missing',
    async () => {
      const whole = await restore({ target: lab.bench.path('whole.img') });
      assert.equal(whole.awaited, undefined);
      await lab.sync();
      const made = await restore({ isUsableFirst: true });
      const { awaited } = made;
      assert.ok(awaited !== undefined && awaited.packCount >= 2 && awaited.sizeBytes > 2 * FILE_BYTES);
      const first = await fetched();
      assert.deepEqual(await content(), Buffer.from(noise(FILE_BYTES, 'content 3')));
      const status = await operate(target, 'status', {}, SETTINGS);
      assert.deepEqual(status.awaited, awaited);
      const asked = { depth: 'structure', isHealing: true, isGivingUp: false } as const;
      const { damage } = await operate(target, 'verify', asked, SETTINGS);
      assert.equal(damage.filter(({ healedFrom }) => healedFrom === home).length, awaited.packCount);
      assert.equal((await operate(target, 'status', {}, SETTINGS)).awaited, undefined);
      assert.equal((await fetched()).size, first.size + awaited.packCount);
      const read = await operate(target, 'verify', { ...asked, depth: 'data', isHealing: false }, SETTINGS);
      assert.deepEqual([read.damage, read.faults], [[], []]);
    },
  );
});
