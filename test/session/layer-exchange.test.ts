// Bringing the files of a checkpoint back on a device with little room, and being killed in it. Every step is killed with
// DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { readFileSync, statfsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCheckpoint } from '../../src/core/decide.ts';
import { findStaging } from '../../src/session/device/device.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { ProcessError, run } from '../../src/sync/process.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { DeviceBench, failureOf, MEBIBYTE } from './device-bench.ts';

const PASSPHRASE = 'correct horse battery';
const DEVICE_BYTES = 160 * MEBIBYTE;
const LARGE_BYTES = 70 * MEBIBYTE;
const PROGRAM = fileURLToPath(new URL('./bring-back-program.ts', import.meta.url));
const quiet = (): void => undefined;

/** Before which calls it is killed, with the file of the layer's folder that they are about. */
const MOMENTS: readonly [what: string, calls: string, path: string, isBack: boolean][] = [
  ['a file gets its second name', 'link,linkat', 'upper/large', false],
  ['the present files step aside', 'rename,renameat,renameat2', 'upper', true],
  ['those of the checkpoint take their place', 'rename,renameat,renameat2', 'upper.new', true],
  ['the former ones are deleted', 'rmdir,unlink,unlinkat', 'upper.old', true],
  ['it is noted that all is done', 'unlink,unlinkat', 'exchange', true],
];

describe('a layer that is brought back', () => {
  let bench: DeviceBench;
  let image: string;
  beforeEach(async () => {
    bench = await DeviceBench.open();
    image = bench.path('pod.img');
    await bench.pod('pod.img', { passphrase: PASSPHRASE, sizeBytes: DEVICE_BYTES });
    await withDesktop(async (desktop) => {
      await mkdir(join(desktop.root.layerDir, 'home'));
      // zeros take no room in the repository, and all of it in the files
      await writeFile(join(desktop.root.layerDir, 'large'), new Uint8Array(LARGE_BYTES));
      await writeFile(join(desktop.root.layerDir, 'home/letter'), 'before');
      await desktop.checkpoint(quiet);
    });
  });
  afterEach(() => bench.close());

  /** On its return the device is free again. */
  async function withDesktop<T>(use: (desktop: Desktop) => Promise<T>): Promise<T> {
    const desktop = await Desktop.take(await openDevice(image, { passphrase: PASSPHRASE }), quiet);
    try {
      return await use(desktop);
    } finally {
      await desktop.close();
    }
  }

  async function bringBack({ root, pod }: Desktop): Promise<void> {
    const target = findCheckpoint(pod.state, 1);
    await root.bringBack(target, await root.measureBack(target), quiet);
  }

  const writeLetter = ({ root }: Desktop, text: string): Promise<void> =>
    writeFile(join(root.layerDir, 'home/letter'), text);

  async function assertWhole({ layerDir }: Desktop['root'], letter: string): Promise<void> {
    assert.equal(await readFile(join(layerDir, 'home/letter'), 'utf8'), letter);
    assert.ok(readFileSync(join(layerDir, 'large')).equals(Buffer.alloc(LARGE_BYTES)));
    assert.equal((await stat(join(layerDir, 'large'))).nlink, 1);
    assert.deepEqual((await readdir(join(layerDir, '..'))).sort(), ['in-use', 'upper', 'work']);
  }

  it('needs room for no more than what differs', async () => {
    await withDesktop(async (desktop) => {
      await writeLetter(desktop, 'after');
      const { bavail, bsize } = statfsSync(desktop.root.layerDir);
      assert.ok(bavail * bsize < LARGE_BYTES);
      const { ino } = await stat(join(desktop.root.layerDir, 'large'));
      await bringBack(desktop);
      await assertWhole(desktop.root, 'before');
      assert.equal((await stat(join(desktop.root.layerDir, 'large'))).ino, ino);
    });
  });

  it('is refused before anything is touched if the device has less, and told how much that is', async () => {
    await withDesktop(async (desktop) => {
      const { layerDir } = desktop.root;
      await writeFile(join(layerDir, 'large'), Buffer.alloc(LARGE_BYTES, 'x'));
      const { seq } = desktop.pod.state;
      const { message, hint, details } = await failureOf('DEVICE_FULL', () => bringBack(desktop));
      assert.match(message, /checkpoint 1, the device needs 7\d[.\d]* MB, [\d.]+ MB are free$/);
      assert.match(hint ?? '', /start --fresh.*start --checkpoint 1.*prune.*larger device/);
      assert.ok(Number(details.neededBytes) >= LARGE_BYTES && Number(details.freeBytes) < LARGE_BYTES);
      assert.equal(desktop.pod.state.seq, seq);
      assert.deepEqual((await readdir(join(layerDir, '..'))).sort(), ['upper', 'work']);
      assert.equal(readFileSync(join(layerDir, 'large')).at(-1), 'x'.charCodeAt(0));
    });
  });

  for (const [what, calls, path, isBack] of IS_EXHAUSTIVE ? MOMENTS : MOMENTS.slice(0, 1)) {
    it(`is whole after it was killed before ${what}`, async () => {
      await withDesktop((desktop) => writeLetter(desktop, 'after'));
      const { deviceDir } = await findStaging(image);
      const place = `${deviceDir}/vault/layer/${path}`;
      const trace = ['-f', '-o', bench.path('trace'), '-P', place, '-e', `trace=${calls}`];
      const inject = ['-e', `inject=${calls}:signal=KILL`];
      const words = [...trace, ...inject, process.execPath, PROGRAM, image, PASSPHRASE, '1'];
      const failure = await run('strace', words).then(
        () => assert.fail('it was not killed'),
        (error: unknown) => error,
      );
      assert.ok(failure instanceof ProcessError, String(failure));
      assert.match(await readFile(bench.path('trace'), 'utf8'), /killed by SIGKILL/);
      await withDesktop((desktop) => assertWhole(desktop.root, isBack ? 'before' : 'after'));
    });
  }
});
