// A drive that can be pulled out: an image file on an ext4 of its own, which the kernel shuts down in an instant.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/sync/process.ts';

/** Ends a file system as a pulled plug does: nothing that waits in memory gets there, its journal neither. */
const SHUT_DOWN = `
import fcntl, os, struct, sys
FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587d, 2
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), FS_IOC_SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))
`;

/** One drive. What was synced to it is there when it is plugged in again; of the rest, what the kernel happened to write. */
export class PulledDrive {
  /** Where it is plugged in. */
  readonly dir: string;
  readonly #folder: string;
  #pulledCount = 0;
  #isPluggedIn = false;

  private constructor(folder: string) {
    this.#folder = folder;
    this.dir = join(folder, 'drive');
  }

  /** Makes one that is plugged in; close it in an `afterEach`. */
  static async make(sizeMebibytes: number): Promise<PulledDrive> {
    const drive = new PulledDrive(await mkdtemp('/var/tmp/deskpod-drive-'));
    await mkdir(drive.dir);
    await run('truncate', ['-s', `${sizeMebibytes}M`, drive.#file]);
    await run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,nodiscard', drive.#file]);
    await drive.plugIn();
    return drive;
  }

  async plugIn(): Promise<void> {
    await run('mount', ['-o', 'loop', this.#file, this.dir]);
    this.#isPluggedIn = true;
  }

  /** All that stands on it answers with EIO from now on, when this returns: within a moment that a test has chosen. */
  cut(): void {
    execFileSync('python3', ['-c', SHUT_DOWN, this.dir]);
  }

  /** The same, and its path leads nowhere. */
  async pull(): Promise<void> {
    this.cut();
    await run('umount', ['--lazy', this.dir]);
    this.#isPluggedIn = false;
    // the kernel holds on to the former one for as long as anybody uses it
    const former = this.#file;
    this.#pulledCount++;
    await cp(former, this.#file);
  }

  async close(): Promise<void> {
    if (this.#isPluggedIn) await run('umount', [this.dir]);
    await rm(this.#folder, { recursive: true });
  }

  get #file(): string {
    return join(this.#folder, `contents-${this.#pulledCount}`);
  }
}
