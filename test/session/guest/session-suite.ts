// A session that was suspended on another host: it goes on here, under another kernel and on another processor.
import assert from 'node:assert/strict';
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Desktop } from '../../../src/session/pod/desktop.ts';
import { run } from '../../../src/sync/process.ts';
import { counted, untilWritten } from '../counter.ts';
import { describeLimits } from '../limits-suite.ts';
import { describeBarrier } from '../probes/barrier-suite.ts';
import { onProgress, START, takeDesktop } from './guest-desktop.ts';

/** What that session is kept to; a guest has one processor. */
export const TRAVEL_LIMITS = { memoryBytes: 512 * 2 ** 20, processCount: 150, processorCount: 0.8 };

/** Registers the suite. */
export function describeSession(): void {
  describe('a session that was suspended on another host', () => {
    let desktop: Desktop;
    before(async () => {
      desktop = await takeDesktop();
    });
    after(async () => {
      await desktop?.close();
    });

    it('goes on', async () => {
      const { resumedCheckpoint } = await desktop.start(START, onProgress);
      assert.equal(resumedCheckpoint, 1);
      const homeDir = join(desktop.root.mergedDir, 'home/user');
      const count = join(homeDir, 'count');
      await counted(count, (await counted(count)).count);
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
      desktop = await takeDesktop();
    });
    after(async () => {
      await desktop?.close();
    });

    it('is refused before anything is touched', async () => {
      await assertRefused({ code: 'PROCESSOR_LACKING' });
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
