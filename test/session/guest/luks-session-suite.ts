// A session on a LUKS vault: it is started, suspended, and goes on when the vault was locked in between.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createDesktop } from '../../../src/session/pod/create-desktop.ts';
import type { Desktop } from '../../../src/session/pod/desktop.ts';
import { captureInSession } from '../../../src/session/process/processes.ts';
import { run } from '../../../src/sync/process.ts';
import { type Counted, counted, START_COUNTER } from '../counter.ts';
import { CREDENTIAL, DEVICE, onProgress, START, takeDesktop } from './guest-desktop.ts';

/** On the checkout's disk: a base that holds a system. */
const BASE = '/checkout/desktop.erofs';

/** Registers the suite. */
export function describeLuksSession(): void {
  describe('a session on a LUKS vault', () => {
    let desktop: Desktop;
    let suspendedAt: Counted;

    before(async () => {
      const plan = { ...{ devicePath: DEVICE, name: 'desk', base: BASE, workFactor: 2 }, ...CREDENTIAL };
      await createDesktop({ ...plan, vaultKind: 'luks', isForced: false, onProgress });
      desktop = await takeDesktop();
    });
    after(async () => {
      await desktop?.close();
    });

    it('has its files in it, and is suspended', async () => {
      await desktop.start(START, onProgress);
      const { root, session } = desktop;
      assert.ok(session !== undefined, 'no session');
      const { stdout } = await run('findmnt', ['-n', '-o', 'SOURCE', '-T', root.layerDir]);
      assert.match(stdout, /^\/dev\/mapper\/deskpod-/);
      const { exitCode, stderr } = await captureInSession(session, ['sh', '-c', START_COUNTER]);
      assert.equal(exitCode, 0, stderr);
      suspendedAt = await counted(countFile());
      const { number } = await desktop.suspend(onProgress);
      assert.equal(number, 1);
    });

    it('goes on with the same processes when the vault was locked and is open again', async () => {
      await desktop.close();
      assert.deepEqual(await readdir('/dev/mapper'), ['control']);
      desktop = await takeDesktop();
      const { resumedCheckpoint } = await desktop.start(START, onProgress);
      assert.equal(resumedCheckpoint, 1);
      const { pid } = await counted(countFile(), suspendedAt.count);
      assert.equal(pid, suspendedAt.pid);
      await desktop.stop();
    });

    function countFile(): string {
      return join(desktop.root.mergedDir, 'home/user/count');
    }
  });
}
