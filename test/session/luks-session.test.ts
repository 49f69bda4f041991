// A session on a LUKS vault, where there is dm-crypt: a guest makes the pod, and starts, suspends and resumes its session.
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBase } from '../../src/session/base/base.ts';
import { MEBIBYTE } from './device-bench.ts';
import { GUEST_RELEASES, OLD_MACHINE, passInGuest } from './guest/machine.ts';

/** To emulate a machine that makes a pod and starts a desktop twice. */
const TIMEOUT_MS = 480_000;
/** Sparse: it holds what a vault allocates without being written to. */
const DISK_BYTES = 1024 * MEBIBYTE;

for (const release of GUEST_RELEASES) {
  describe(`a session on a LUKS vault, under the kernel of Debian ${release}`, function () {
    this.timeout(TIMEOUT_MS);
    let dir: string;
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'deskpod-luks-session-'));
    });
    afterEach(async () => {
      await rm(dir, { recursive: true, force: true });
    });

    it('is started, suspended, and goes on with the same processes', async () => {
      const disk = join(dir, 'pod.img');
      await writeFile(disk, '');
      await truncate(disk, DISK_BYTES);
      const { path } = await findBase('desktop');
      const base = [path, path.replace(/\.erofs$/, '.json')];
      await passInGuest(release, { name: 'luks-session', disk, ...OLD_MACHINE }, base);
    });
  });
}
