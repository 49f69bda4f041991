// A session that travels: suspended here, it goes on in a guest with another kernel and an older processor, and back here.
import assert from 'node:assert/strict';
import { hostProcessor } from '../../src/session/host/host-processor.ts';
import { OLD_MACHINE, passInGuest, TRAVEL_RELEASES } from '../session/guest/machine.ts';
import { TRAVEL_LIMITS } from '../session/guest/session-suite.ts';
import { until } from '../session/until.ts';
import { DesktopLab } from './desktop-lab.ts';

/** To start a desktop, and to emulate a machine in which it goes on. */
const TIMEOUT_MS = 600_000;

/** What a program may have looked up, again and again: how long the machine is up, and what it is called. */
const NOTE_NAMES =
  'while :; do cat /proc/uptime /etc/hostname /etc/machine-id /proc/sys/kernel/random/boot_id >~/names.new; ' +
  'mv ~/names.new ~/names; sleep 0.1; done';

for (const release of TRAVEL_RELEASES) {
  describe(`a session that travels to the kernel of Debian ${release} and an older processor`, function () {
    this.timeout(TIMEOUT_MS);
    let lab: DesktopLab;
    beforeEach(async () => {
      lab = await DesktopLab.open();
    });
    afterEach(async () => {
      await lab.close();
    });

    it('goes on there with the same processes, and then here again', async () => {
      await lab.create(800, { processorLevel: 'x86-64-v2', limits: TRAVEL_LIMITS });
      await lab.start();
      await lab.startCounter();
      await lab.shell(`setsid sh -c '${NOTE_NAMES}' </dev/null >/dev/null 2>&1 &`);
      await until(async () => (await lab.shell('cat ~/names 2>/dev/null || true')) !== '');
      const before = await lab.counter();
      const names = await namesIn('~/names');
      await lab.program.answer(['suspend', ...lab.at()]);
      await passInGuest(release, { name: 'session', disk: lab.image, ...OLD_MACHINE });
      const { resumedCheckpoint } = await lab.start();
      assert.equal(resumedCheckpoint, 2);
      assert.equal((await lab.counter(before.count)).pid, before.pid);
      const there = await namesIn('~/names-there');
      assert.deepEqual(there.names, names.names);
      assert.ok(there.upSeconds >= names.upSeconds, 'the clock went back');
    });

    // On a processor as old as that of the guest there is nothing to refuse.
    const itHere = hostProcessor().features.includes('avx') ? it : () => undefined;
    itHere('is refused there before anything is touched, unless it was kept from using more', async () => {
      await lab.create(800, { limits: TRAVEL_LIMITS });
      await lab.start();
      await lab.program.answer(['suspend', ...lab.at()]);
      await passInGuest(release, { name: 'refusal', disk: lab.image, ...OLD_MACHINE });
      const { resumedCheckpoint } = await lab.start();
      assert.equal(resumedCheckpoint, 1);
    });

    async function namesIn(file: string): Promise<{ names: readonly string[]; upSeconds: number }> {
      const [upSeconds, ...names] = (await lab.shell(`cat ${file}`)).split('\n');
      return { names, upSeconds: Number.parseFloat(upSeconds ?? '') };
    }
  });
}
