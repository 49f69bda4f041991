// A device that carries a runtime and was in other hands: the deskpod of the host neither runs nor mounts what it finds there,
// waits for none of it, and tells what is not as it was put. Most ways to alter a file are tried with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type OperateOptions, operate } from '../../src/session/operation/operate.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { restorePod } from '../../src/session/pod/restore-pod.ts';
import type { RuntimeReport } from '../../src/session/runtime/device-runtime.ts';
import { run } from '../../src/sync/process.ts';
import { DesktopLab } from '../desktop/desktop-lab.ts';
import { DeviceBench, failureOf, MEBIBYTE, onDrive } from './device-bench.ts';
import { makeErofs } from './erofs-image.ts';

/** Of the desktops of tests. */
const CREDENTIAL = { passphrase: 'correct horse battery' };
const SIZE_BYTES = 160 * MEBIBYTE;
const onProgress = (): void => undefined;
const SETTINGS: OperateOptions = { passphrase: async () => CREDENTIAL.passphrase, onProgress };
const VERIFY = { depth: 'data', isHealing: false, isGivingUp: false } as const;
const IS_EXHAUSTIVE = process.env.DESKPOD_TEST_EXHAUSTIVE !== undefined;
const [IMAGE, SCRIPT] = ['runtime.erofs', 'deskpod'];

/** What is done on the drive, with an image of somebody else's programs at `$1`, and what of it is told. */
const ALTERED: readonly [what: string, script: string, ...altered: string[]][] = [
  ['an image without end', `truncate -s 8T ${IMAGE}`, IMAGE],
  ['image and script of somebody else', `cp "$1" ${IMAGE}; echo : >>${SCRIPT}`, IMAGE, SCRIPT],
  ['an image that was cut short', `truncate -s 5000 ${IMAGE}`, IMAGE],
  [
    'another image of the same length',
    `size=$(stat -c %s ${IMAGE}); cp "$1" ${IMAGE}; truncate -s $size ${IMAGE}`,
    IMAGE,
  ],
  ['another script', `printf '#!/bin/sh\\n: >"$MARK"\\n' >${SCRIPT}`, SCRIPT],
  ['a script without end', `truncate -s 8T ${SCRIPT}`, SCRIPT],
];

/** What stands in the place of one of the files. */
const DISGUISES: readonly [what: string, script: string][] = [
  ['a pipe', 'mkfifo'],
  ['a link to a file of the host', 'ln -s /etc/shadow'],
  ['a link to a file on the drive', 'ln -s repository/head'],
  ['a second name of a file', 'ln repository/head'],
  ['a device', 'put() { mknod "$1" c 1 5; }; put'],
  ['a folder', 'mkdir'],
];

describe('a runtime on a drive that was in other hands', () => {
  let bench: DeviceBench;
  let image: string;
  let mark: string;
  let mounts: string;
  let foreign: string;
  const former = { PATH: process.env.PATH, DESKPOD_RUNTIME_IMAGE: process.env.DESKPOD_RUNTIME_IMAGE };

  before(async () => {
    bench = await DeviceBench.open();
    image = bench.path('pod.img');
    mark = bench.path('mark');
    mounts = bench.path('mounts');
    foreign = bench.path('foreign.erofs');
    await makePrograms('own', 'exit 0');
    process.env.DESKPOD_RUNTIME_IMAGE = await imageOf('own');
    await makePrograms('foreign', `: >${mark}`);
    await imageOf('foreign');
    await noteMounts();
    await bench.pod('pod.img', { ...CREDENTIAL, sizeBytes: SIZE_BYTES });
    await operate(image, 'runtime-put', {}, SETTINGS);
  });
  after(async () => {
    for (const [name, value] of Object.entries(former)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await bench.close();
  });
  beforeEach(() => writeFile(mounts, ''));
  afterEach(async () => {
    assert.equal(existsSync(mark), false, 'a program of the drive was run');
    const asked = await readFile(mounts, 'utf8');
    assert.match(asked, /pod\.img|twin\.img/);
    assert.doesNotMatch(asked, /runtime/);
  });

  for (const [what, script, ...altered] of IS_EXHAUSTIVE ? ALTERED : ALTERED.slice(0, 2)) {
    it(`is named if it is ${what}, and put there anew`, async () => {
      await onDrive(image, `set -- "${foreign}"; export MARK="${mark}"; ${script}`);
      const report = await operate(image, 'runtime-check', {}, SETTINGS);
      assert.deepEqual([report.standing, report.altered], ['altered', altered]);
      const { runtime } = await operate(image, 'verify', VERIFY, SETTINGS);
      assert.deepEqual(runtime, report);
      assert.equal((await operate(image, 'runtime-put', {}, SETTINGS)).standing, 'as-put');
    });
  }

  for (const name of [IMAGE, SCRIPT]) {
    it(`keeps the device from being opened if ${name} is no plain file, which is named`, async () => {
      for (const [what, script] of IS_EXHAUSTIVE ? DISGUISES : DISGUISES.slice(0, 3)) {
        await onDrive(image, `mv ${name} kept; ${script} ${name}`);
        const { message } = await failureOf('DEVICE_NOT_A_POD', () =>
          operate(image, 'runtime-check', {}, SETTINGS),
        );
        assert.match(message, new RegExp(`: ${name} (is|has) `), what);
        await onDrive(image, `rm -r ${name}; mv kept ${name}`);
      }
      assert.equal((await operate(image, 'runtime-check', {}, SETTINGS)).standing, 'as-put');
    });
  }

  it('is put there although something is in the way of its unfinished files, which are not followed', async () => {
    const victim = bench.path('victim');
    await writeFile(victim, 'as it was');
    for (const way of ['mkdir -p "$1"/folder', 'mkfifo "$1"', `ln -s ${victim} "$1"`]) {
      await onDrive(
        image,
        `put() { ${way}; }; for name in ${IMAGE} ${SCRIPT}; do put $name.new; done; rm ${IMAGE}`,
      );
      assert.equal((await operate(image, 'runtime-put', {}, SETTINGS)).standing, 'as-put');
      await onDrive(image, `[ -z "$(ls | grep new)" ]`);
    }
    assert.equal(await readFile(victim, 'utf8'), 'as it was');
  });

  describe('of somebody else', () => {
    it('has no part in a session that is started and suspended by the host', async () => {
      const lab = await DesktopLab.open();
      try {
        await lab.create(450, { carriesRuntime: true });
        await onDrive(lab.image, takeOver());
        await lab.start();
        await lab.program.answer(['suspend', ...lab.at()]);
        const checked = await lab.program.run(['--json', 'runtime', 'check', ...lab.at()]);
        assert.equal(checked.status, 21);
        const report = JSON.parse(checked.stdout) as RuntimeReport;
        assert.deepEqual([report.standing, report.altered], ['altered', [IMAGE, SCRIPT]]);
        const verified = await lab.program.run(['--json', 'verify', '--read-data', ...lab.at()]);
        assert.equal(verified.status, 21);
        assert.deepEqual((JSON.parse(verified.stdout) as { runtime: RuntimeReport }).runtime, report);
      } finally {
        await lab.close();
      }
    });

    it('has no part in what a twin is used for: a sync, a restore, and its becoming the pod', async () => {
      const [twin, restored] = [bench.path('twin.img'), bench.path('restored.img')];
      const add = { url: twin, twin: { isForced: false, sizeBytes: SIZE_BYTES } };
      await operate(image, 'home-add', add, SETTINGS);
      await operate(image, 'checkpoint', { acceptsChanges: true }, SETTINGS);
      await onDrive(twin, takeOver());
      const { homes } = await operate(image, 'sync', {}, SETTINGS);
      assert.deepEqual(
        homes.map((outcome) => 'error' in outcome),
        [false],
      );
      // which has put the host's there, by its length
      await onDrive(twin, takeOver());
      const plan = { credential: CREDENTIAL, sizeBytes: SIZE_BYTES, isForced: false, onProgress };
      await restorePod({ ...plan, from: twin, target: restored });
      assert.equal((await operate(restored, 'runtime-check', {}, SETTINGS)).standing, 'none');
      const { device, pod, vault } = await openDevice(twin, CREDENTIAL, { onPromotion: onProgress });
      await pod.close();
      await vault.lock();
      await device.unmount();
      const report = await operate(twin, 'runtime-check', {}, SETTINGS);
      assert.deepEqual([report.standing, report.altered], ['altered', [IMAGE, SCRIPT]]);
    });
  });

  function takeOver(): string {
    return `cp "${foreign}" ${IMAGE}; printf '#!/bin/sh\\n: >${mark}\\n' >${SCRIPT}; chmod +x ${SCRIPT}`;
  }

  /** A tree as a runtime's, in which every program does the same. */
  async function makePrograms(name: string, script: string): Promise<void> {
    for (const folder of ['bin', 'lib', 'program/bin']) {
      await mkdir(join(bench.path(name), folder), { recursive: true });
      for (const program of ['cp', 'ln', 'ip', 'criu', 'runc', 'ld.so', 'deskpod'])
        await writeFile(join(bench.path(name), folder, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    await writeFile(join(bench.path(name), 'id'), 'deadbeef\n');
  }

  async function imageOf(name: string): Promise<string> {
    const path = bench.path(`${name}.erofs`);
    await makeErofs(bench.path(name), path);
    return path;
  }

  /** Whatever is mounted from now on is noted. */
  async function noteMounts(): Promise<void> {
    const { stdout: real } = await run('which', ['mount']);
    const bin = bench.path('bin');
    await mkdir(bin);
    await writeFile(join(bin, 'mount'), `#!/bin/sh\necho "$@" >>${mounts}\nexec ${real} "$@"\n`, {
      mode: 0o755,
    });
    process.env.PATH = `${bin}:${process.env.PATH}`;
  }
});
