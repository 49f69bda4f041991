// A session that was suspended on another host: it goes on here, under another kernel and on another processor.
import assert from 'node:assert/strict';
import { copyFile, readFile, stat, watch, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Desktop } from '../../../src/session/pod/desktop.ts';
import { openDevice } from '../../../src/session/pod/open-device.ts';
import { run } from '../../../src/sync/process.ts';
import { describeLimits } from '../limits-suite.ts';
import { describeBarrier } from '../probes/barrier-suite.ts';

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
export function describeRefusal(): void {
  describe('a session of a newer processor', () => {
    let desktop: Desktop;
    before(async () => {
      desktop = await Desktop.take(await openDevice(DEVICE, CREDENTIAL), onProgress);
    });
    after(async () => {
      await desktop?.close();
    });

    it('is refused before anything is touched', async () => {
      await assertRefused({ code: 'PROCESSOR_LACKING' });
    });

    describe('that is started afresh', () => {
      before(async () => {
        await desktop.start({ ...START, choice: 'fresh' }, onProgress);
      });
      after(() => desktop.stop());

      describeLimits('is kept to its limits', TRAVEL_LIMITS, () => {
        assert.ok(desktop.session !== undefined, 'no session');
        return desktop.session;
      });
    });

    describe('on a kernel that lacks something', () => {
      it('is refused without user namespaces', async () => {
        const limit = '/proc/sys/user/max_user_namespaces';
        const former = await readFile(limit, 'latin1');
        await writeFile(limit, '0');
        await assertRefused({ code: 'HOST_UNSUPPORTED', message: /lacks user namespaces/ });
        await writeFile(limit, former);
      });

      it('is refused without overlayfs', async () => {
        await run('modprobe', ['-r', 'overlay']);
        await writeFile('/proc/sys/kernel/modules_disabled', '1');
        await assertRefused({ code: 'HOST_UNSUPPORTED', message: /lacks overlay/ });
      });
    });

    async function assertRefused(how: { readonly code: string; readonly message?: RegExp }): Promise<void> {
      const { seq } = desktop.pod.state;
      await assert.rejects(desktop.start(START, onProgress), how);
      assert.equal(desktop.pod.state.seq, seq);
    }
  });
}

async function writtenAfter(atMs: number, file: string): Promise<void> {
  await untilWritten(file, async () => (await stat(file)).mtimeMs > atMs);
}

/** Waits until the number after the process id in a file is a higher one. */
async function climbs(file: string): Promise<void> {
  const count = async (): Promise<number> => Number((await readFile(file, 'utf8')).split(' ')[1]);
  const first = await count();
  await untilWritten(file, async () => (await count()) > first);
}

/** Waits for a file that is replaced again and again to be as it is meant. */
async function untilWritten(file: string, isMeant: () => Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    for await (const { filename } of watch(dirname(file), { signal }))
      if (filename === basename(file) && (await isMeant())) return;
  } catch (error) {
    if (!signal.aborted) throw error;
    assert.fail(`${file} is not written any more: ${await readFile(file, 'utf8')}`);
  }
}
