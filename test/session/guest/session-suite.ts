// A session that was suspended on another host: it goes on here, under another kernel and on another processor.
import assert from 'node:assert/strict';
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Desktop } from '../../../src/session/pod/desktop.ts';
import { openDevice } from '../../../src/session/pod/open-device.ts';
import { run } from '../../../src/sync/process.ts';
import { describeLimits } from '../limits-suite.ts';
import { describeBarrier } from '../probes/barrier-suite.ts';
import type { Register } from '../vault-bench.ts';

/** The guest's third disk. */
const DEVICE = '/dev/vdc';
/** Of the desktops of tests. */
const CREDENTIAL = { passphrase: 'correct horse battery' };
const START = { choice: 'default', geometry: { width: 1280, height: 800 } } as const;
const PATIENCE_MS = 60_000;
const onProgress = ({ step }: { readonly step: string }): void => console.error(step);

/** What that session is kept to. */
export const TRAVEL_LIMITS = { memoryBytes: 512 * 2 ** 20, processCount: 150, processorCount: 1.5 };

/** Registers the suite. */
export function describeSession(): void {
  describe('a session that was suspended on another host', () => {
    let desktop: Desktop;
    before(async () => {
      desktop = await Desktop.take(await openDevice(DEVICE, CREDENTIAL), onProgress);
    });
    after(async () => {
      await desktop?.close();
    });

    it('goes on', async () => {
      const { resumedCheckpoint } = await desktop.start(START, onProgress);
      assert.equal(resumedCheckpoint, 1);
      const homeDir = join(desktop.root.mergedDir, 'home/user');
      await climbs(join(homeDir, 'count'));
      await writtenAfter(Date.now(), join(homeDir, 'names'));
      await copyFile(join(homeDir, 'names'), join(homeDir, 'names-there'));
    });

    describeBarrier('the barrier around it', () => {
      assert.ok(desktop.session !== undefined, 'no session');
      return { session: desktop.session, stagingDir: dirname(desktop.root.mergedDir) };
    });

    describeLimits('the limits of it', TRAVEL_LIMITS, () => {
      assert.ok(desktop.session !== undefined, 'no session');
      return desktop.session;
    });

    describe('when it has been used', () => {
      it('is suspended again', async () => {
        const { number } = await desktop.suspend(onProgress);
        assert.equal(number, 2);
      });
    });
  });
}

/** Registers what becomes of one that was started on a newer processor. */
export function describeRefusal(register: Register = it): void {
  describe('a session of a newer processor', () => {
    register(
      'is refused before anything is touched, and so is any where the kernel lacks something',
      async () => {
        const desktop = await Desktop.take(await openDevice(DEVICE, CREDENTIAL), onProgress);
        try {
          const { seq } = desktop.pod.state;
          await assert.rejects(desktop.start(START, onProgress), { code: 'PROCESSOR_LACKING' });
          const limit = '/proc/sys/user/max_user_namespaces';
          const former = await readFile(limit, 'latin1');
          await writeFile(limit, '0');
          const lacking = (name: RegExp) => ({ code: 'HOST_UNSUPPORTED', message: name });
          await assert.rejects(desktop.start(START, onProgress), lacking(/lacks user namespaces/));
          await writeFile(limit, former);
          await run('modprobe', ['-r', 'overlay']);
          await writeFile('/proc/sys/kernel/modules_disabled', '1');
          await assert.rejects(desktop.start(START, onProgress), lacking(/lacks overlay/));
          assert.equal(desktop.pod.state.seq, seq);
        } finally {
          await desktop.close();
        }
      },
    );
  });
}

async function writtenAfter(atMs: number, file: string): Promise<void> {
  for (const deadlineMs = performance.now() + PATIENCE_MS; (await stat(file)).mtimeMs <= atMs; ) {
    assert.ok(performance.now() < deadlineMs, `${file} is not written any more`);
    await delay(100);
  }
}

/** Waits until the number after the process id in a file is a higher one. */
async function climbs(file: string): Promise<void> {
  const count = async (): Promise<number> => Number((await readFile(file, 'utf8')).split(' ')[1]);
  const first = await count();
  for (const deadlineMs = performance.now() + PATIENCE_MS; (await count()) <= first; ) {
    assert.ok(performance.now() < deadlineMs, `it stands at ${first}`);
    await delay(100);
  }
}
