// A session under the kernel module, in a machine with Debian's kernel: the host's root is kept out, and the session's life goes on.
// The machine is emulated for minutes: this runs with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { LoggedEvent } from '../../src/core/events.ts';
import { basesDir } from '../../src/session/base/base.ts';
import type { HostFact } from '../../src/session/host/host.ts';
import type { StartReport, StatusReport } from '../../src/session/operation/operations.ts';
import { ENTRY_SCRIPT } from '../../src/session/runtime/entry-script.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { buildModule } from '../kmod/guest-build.ts';
import { type Counted, START_COUNTER } from '../session/counter.ts';
import { makeErofs } from '../session/erofs-image.ts';
import { bootGuest, lastLines, OLD_MACHINE } from '../session/guest/machine.ts';
import { makeRuntimeImage } from './runtime-image.ts';

const TIMEOUT_MS = 1_800_000;
const GUEST_TIMEOUT_MS = 1_500_000;
const RUNTIME_IMAGE = resolve(import.meta.dirname, '../../build/runtime.erofs');
const DRIVE_BYTES = 1600 * 2 ** 20;
const PASSPHRASE = 'correct horse battery';
/** Both kernels: what a probe relies on may differ from one to the other. */
const RELEASES = ['bookworm', 'trixie'];
/** Any warning is a panic, and a panic ends the guest before its tests do. */
const STRICT_WORDS = ['panic_on_warn=1', 'oops=panic'];
const describeThere = IS_EXHAUSTIVE ? describe : () => undefined;

/** What the host's root could do to a session. */
interface Attack {
  readonly done: readonly string[];
}

for (const release of RELEASES) {
  describeThere(`a session under the kernel module, with the kernel of Debian ${release},`, function () {
    this.timeout(TIMEOUT_MS);
    let dir: string;
    before(makeRuntimeImage);
    beforeEach(async () => {
      dir = await mkdtemp('/var/tmp/deskpod-kmod-');
    });
    afterEach(() => rm(dir, { recursive: true, force: true }));

    it('is kept from root of the host, and has its terminal, through suspends and the end of its supervisor', async () => {
      const answers = await runThere();
      const next = <Answer>(): Answer => answers.shift() as Answer;
      let counted: Counted | undefined;
      const assertGoesOn = (): void => {
        const { pid, count } = next<Counted>();
        assert.equal(pid, counted?.pid ?? pid);
        assert.ok(count > (counted?.count ?? 0));
        counted = { pid, count };
      };

      const { error } = next<{ error: { code: string; hint: string } }>();
      assert.equal(error.code, 'TIER_UNAVAILABLE');
      assert.match(error.hint, /modprobe deskpod/);
      assert.deepEqual(next(), { mounts: 0 });

      const bare = next<StartReport>();
      assert.deepEqual([bare.tier, bare.warnings], ['namespaces', []]);
      assertGoesOn();
      assert.deepEqual(next<Attack>().done, [
        ...['signal', 'environ', 'folder', 'list', 'namespace', 'schedule', 'limit'],
      ]);
      assert.equal(next<CheckpointReport>().number, 1);

      const { facts } = next<{ facts: readonly HostFact[] }>();
      assert.match(facts.find(({ name }) => name === 'barrier')?.found ?? '', /and the kernel module$/);
      const guarded = next<StartReport>();
      assert.deepEqual([guarded.resumedCheckpoint, guarded.tier, guarded.warnings], [1, 'kmod', []]);
      assert.deepEqual(next<Attack>().done, []);
      assertGoesOn();
      const held = next<{ terminal: string }>();
      assert.match(held.terminal, /^\/dev\/pts\/\d+$/);

      assert.deepEqual(next<Attack>().done, [], 'while nobody supervises it');
      assertGoesOn();
      const status = next<StatusReport>();
      assert.equal(status.session.status, 'running');
      assert.equal(status.tier, 'kmod');
      assert.deepEqual(next<Attack>().done, []);
      assert.equal(next<CheckpointReport>().number, 2);
      assertGoesOn();
      assert.equal(next<CheckpointReport>().number, 3);

      const again = next<StartReport>();
      assert.deepEqual([again.resumedCheckpoint, again.tier, again.warnings], [3, 'kmod', []]);
      assert.deepEqual(next<Attack>().done, []);
      assertGoesOn();
      assert.deepEqual(next(), held);
      assertViolations(next<{ events: readonly LoggedEvent[] }>().events);
      assert.equal(next<CheckpointReport>().number, 4);

      assert.deepEqual(next<Attack>().done, [], 'while nobody knows of it');
      const last = next<StartReport>();
      assert.deepEqual([last.resumedCheckpoint, last.presentCheckpoint, last.tier], [4, 5, 'kmod']);
      assertGoesOn();
      assert.equal(next<CheckpointReport>().number, 6);
      assert.deepEqual(next(), { unloaded: true });
    });

    /** Only what was attacked is told, and by whom. */
    function assertViolations(events: readonly LoggedEvent[]): void {
      const violations = events.flatMap(({ event }) => (event.type === 'barrier.violation' ? [event] : []));
      const signals = violations.filter(({ operation }) => operation === 'signal');
      assert.ok(signals.some(({ actor, actorUid }) => /bash|kill/.test(actor) && actorUid === 0));
      for (const violation of violations) {
        assert.equal(violation.direction, 'in', JSON.stringify(violation));
        assert.doesNotMatch(violation.actor, /criu|runc|node/, JSON.stringify(violation));
      }
      // that of a supervisor that was killed is nobody's, until the next one replaces it
      assert.ok(violations.filter(({ actor }) => actor === 'pasta').length <= 1);
      assert.ok(!events.some(({ event }) => event.type === 'barrier.gap'));
    }

    /** What the commands there answered, and the attacks came to, in their order. */
    async function runThere(): Promise<unknown[]> {
      const checkoutDir = join(dir, 'checkout');
      for (const folder of ['carrier', 'bases']) await mkdir(join(checkoutDir, folder), { recursive: true });
      await buildModule(release, checkoutDir);
      await writeFile(join(checkoutDir, 'carrier/deskpod'), ENTRY_SCRIPT, { mode: 0o755 });
      await cp(RUNTIME_IMAGE, join(checkoutDir, 'carrier/runtime.erofs'));
      for (const name of ['desktop.erofs', 'desktop.json'])
        await cp(join(basesDir(), name), join(checkoutDir, 'bases', name));
      await writeFile(join(checkoutDir, 'passphrase'), `${PASSPHRASE}\n`);
      await writeFile(join(checkoutDir, 'start-counter'), START_COUNTER);
      await cp(join(import.meta.dirname, 'guest/kmod.sh'), join(checkoutDir, 'kmod.sh'));
      const checkout = join(dir, 'checkout.erofs');
      await makeErofs(checkoutDir, checkout);
      const drive = join(dir, 'drive.img');
      await writeFile(drive, '');
      await truncate(drive, DRIVE_BYTES);
      const told = await bootGuest(release, {
        ...{ dir, checkout, disk: drive, program: '/checkout/kmod.sh', words: STRICT_WORDS },
        ...{ ...OLD_MACHINE, timeoutMs: GUEST_TIMEOUT_MS, countsInstructions: true },
      });
      const lines = told.split('\n').map((line) => line.trim());
      assert.ok(lines.includes('end 0'), `the program there failed: ${told}${await lastLines(dir)}`);
      return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown);
    }
  });
}
