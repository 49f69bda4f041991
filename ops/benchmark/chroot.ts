// A plain chroot on a device of its own: base and layer as a session has them, and nothing of the barrier.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { SHIFTED_ID_START } from '../../src/session/barrier/bundle.ts';
import { SESSION_UID } from '../../src/session/barrier/environment.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { ProcessError, run } from '../../src/sync/process.ts';

/** Where work is done: what a command prints there. */
export type Exec = (...argv: string[]) => Promise<string>;

/** A chroot, as the session's user. */
export interface Chroot {
  readonly exec: Exec;
  /** Starts a program that stays, with a process group of its own. */
  start(...argv: string[]): ChildProcess;
}

/** What programs expect of the kernel. A mount namespace for these would hold on to whatever else the host has mounted. */
const KERNEL_FOLDERS = ['proc', 'dev', 'sys'];

/** Mounts base and layer of a device as a session has them, and lets `act` work in a plain chroot there. */
export async function inRootOf(
  device: string,
  passphrase: string,
  act: (chroot: Chroot) => Promise<void>,
): Promise<void> {
  const desktop = await Desktop.take(await openDevice(device, { passphrase }), () => undefined);
  const { mergedDir } = desktop.root;
  const user = SHIFTED_ID_START + SESSION_UID;
  const variables = ['PATH=/usr/local/bin:/usr/bin:/bin', 'HOME=/home/user', 'USER=user', 'LANG=C.UTF-8'];
  const entered = [`--userspec=${user}:${user}`, mergedDir, 'env', '-i', ...variables];
  try {
    await desktop.root.mount();
    for (const name of KERNEL_FOLDERS)
      await run('mount', ['--rbind', '--make-rslave', `/${name}`, join(mergedDir, name)]);
    await act({
      exec: async (...argv) => (await run('chroot', [...entered, ...argv])).stdout,
      start: (...argv) => spawn('chroot', [...entered, ...argv], { detached: true, stdio: 'ignore' }),
    });
  } finally {
    for (const name of KERNEL_FOLDERS)
      await run('umount', ['--recursive', join(mergedDir, name)]).catch(ifNotMounted);
    await desktop.root.unmount();
    await desktop.close();
  }
}

function ifNotMounted(error: unknown): void {
  if (!(error instanceof ProcessError && error.stderrTail.includes('not mounted'))) throw error;
}
