// A suspended session on a host whose kernel lacks a module: it is refused, by its name, and nothing is touched.
import assert from 'node:assert/strict';
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RUNTIMES_DIR } from '../../../src/session/runtime/entry-script.ts';
import { ProcessError, run } from '../../../src/sync/process.ts';
import { failureOf } from '../device-bench.ts';
import { DEVICE, onProgress, START, takeDesktop } from './guest-desktop.ts';

/** What the doctor calls it, by the name of its module. */
const NAMES: Readonly<Record<string, string>> = { erofs: 'EROFS', overlay: 'overlay' };

/** Registers the suite. */
export function describeLackingKernel(): void {
  const module = process.env.LACKING ?? '';

  describe('a kernel that lacks a module of those that a session needs', () => {
    it('has it neither loaded nor to load', async () => {
      assert.ok(module in NAMES, `the guest was not told what it lacks: ${module}`);
      await assert.rejects(run('modprobe', [module]), ProcessError);
      assert.doesNotMatch(await readFile('/proc/filesystems', 'latin1'), new RegExp(`\\t${module}$`, 'm'));
    });

    it('is told with the next step, while the pod stays as it was', async () => {
      const desktop = await takeDesktop();
      try {
        const { seq } = desktop.pod.state;
        const before = await mountCount();
        const { message, hint } = await failureOf('HOST_UNSUPPORTED', () => desktop.start(START, onProgress));
        assert.ok(message.startsWith(`this host lacks ${NAMES[module]}: `), message);
        assert.match(hint ?? '', /boot a kernel with CONFIG_/);
        assert.equal(desktop.pod.state.seq, seq);
        assert.equal(await mountCount(), before);
      } finally {
        await desktop.close();
      }
      assert.doesNotMatch(await readFile('/proc/self/mounts', 'latin1'), /deskpod/);
    });

    if (module === 'erofs')
      it('is told by a device that would start itself, too', async () => {
        const dir = await mkdtemp('/run/stick-');
        await run('mount', [DEVICE, dir]);
        try {
          const starting = run(join(dir, 'deskpod'), ['start', '--no-view']);
          await assert.rejects(starting, (error) => {
            assert.ok(error instanceof ProcessError);
            assert.equal(error.exitCode, 30);
            assert.match(error.stderrTail, /the runtime could not be mounted\n.*EROFS/);
            return true;
          });
        } finally {
          await run('umount', [dir]);
        }
        assert.doesNotMatch(await readFile('/proc/self/mounts', 'latin1'), new RegExp(RUNTIMES_DIR));
      });
  });
}

async function mountCount(): Promise<number> {
  return (await readFile('/proc/self/mounts', 'latin1')).split('\n').length;
}
