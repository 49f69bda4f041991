// A desktop that is restored for use first: its session goes on at once, and the older history comes beside it, through a suspend.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { VerifyAnswer } from '../../src/session/operation/verify-pod.ts';
import type { NewDevice } from '../../src/sync/pod/new-device.ts';
import { itIfThorough } from '../exhaustive.ts';
import { until } from '../session/until.ts';
import { DesktopLab } from './desktop-lab.ts';

const TIMEOUT_MS = 180_000;
const NOISE_MEBIBYTES = 48;

describe('a desktop that is restored for use first', function () {
  this.timeout(TIMEOUT_MS);
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create(1200);
  });
  afterEach(() => lab.close());

  itIfThorough(
    'goes on with its processes while what older checkpoints need is still at home, and gets all of it',
    async () => {
      await lab.start();
      await lab.startCounter();
      for (const number of [1, 2]) {
        await lab.shell(`head -c ${NOISE_MEBIBYTES}M /dev/urandom >~/noise`);
        assert.equal(
          (await lab.program.answer<{ number: number }>(['checkpoint', ...lab.at()])).number,
          number,
        );
      }
      await lab.shell('rm ~/noise');
      const before = await lab.counter();
      await lab.program.answer(['suspend', ...lab.at()]);
      await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
      await lab.program.answer(['sync', ...lab.at()]);

      const image = join(lab.dir, 'new.img');
      const to = ['--to', image, '--size', '1200M', '--no-runtime'];
      const made = await lab.program.answer<NewDevice>([
        'restore',
        '--from',
        lab.home,
        ...to,
        '--usable-first',
      ]);
      await lab.stage(image);
      assert.ok(made.awaited !== undefined && made.awaited.sizeBytes > NOISE_MEBIBYTES * 2 ** 20);
      await lab.start([], image);
      // a suspend waits for no pack
      await lab.program.answer(['suspend', ...lab.at(image)]);
      await lab.start([], image);
      assert.equal((await lab.counter(before.count, image)).pid, before.pid);
      await until(async () => (await lab.status(image)).awaited === undefined);
      assert.equal((await lab.status(image)).session.status, 'running');
      const asked = ['verify', '--read-data', '--no-heal', ...lab.at(image)];
      const { damage, faults } = await lab.program.answer<VerifyAnswer>(asked);
      assert.deepEqual([damage, faults], [[], []]);
      await lab.program.answer(['suspend', ...lab.at(image)]);
    },
  );
});
