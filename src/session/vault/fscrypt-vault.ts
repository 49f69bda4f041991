// A vault that ext4 encrypts itself: a folder with an fscrypt policy, and the volume key in the mounted file system.
import { closeSync, constants, openSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import { ErrnoError } from '../../sync/posix/libc.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { VAULT_NAME } from '../device/device-content.ts';
import { findHolders, holdersText } from '../device/holders.ts';
import {
  addKey,
  type FscryptPolicy,
  getKeyStatus,
  getPolicy,
  type KeyStatus,
  keyIdentifierOf,
  removeKey,
  setPolicy,
} from './fscrypt-key.ts';
import type { Vault, VaultPlace } from './vault.ts';
import { requireVolumeKey } from './volume-key.ts';

/** How long a lock waits for the last files of ended processes to be closed. */
const BUSY_TIMEOUT_MS = 2000;
const POLL_MS = 20;

/** A vault of kind `fscrypt`. */
export class FscryptVault implements Vault {
  readonly kind = 'fscrypt';
  readonly dir: string;
  readonly #mountDir: string;

  constructor({ mountDir }: VaultPlace) {
    this.#mountDir = mountDir;
    this.dir = join(mountDir, VAULT_NAME);
  }

  /** True if there is a folder with a policy. */
  exists(): boolean {
    return this.#policy() !== undefined;
  }

  async create(volumeKey: Uint8Array): Promise<void> {
    requireVolumeKey(volumeKey);
    if (this.exists()) throw this.#failure('there is a vault already');
    // Left by a creation that was killed, it is empty; if it is not, rmdir refuses.
    await this.#removeEmptyFolder();
    await mkdir(this.dir, { mode: 0o700 });
    try {
      this.#on(this.#mountDir, (fd) => addKey(fd, volumeKey, this.#mountDir));
      this.#on(this.dir, (fd) => setPolicy(fd, keyIdentifierOf(volumeKey), this.dir));
    } catch (error) {
      await rmdir(this.dir);
      throw this.#explain(error, 'could not be made');
    }
    await run('sync', ['-f', this.#mountDir]);
  }

  async unlock(volumeKey: Uint8Array): Promise<void> {
    requireVolumeKey(volumeKey);
    const { keyIdentifier } = this.#requirePolicy();
    const given = keyIdentifierOf(volumeKey);
    if (given !== keyIdentifier) {
      throw this.#failure('the key is not the one that it was made with', {
        details: { expectedKeyIdentifier: keyIdentifier, keyIdentifier: given },
        hint: 'was vault and keyring taken from the same device?',
      });
    }
    if (this.#status(keyIdentifier) === 'present') return;
    try {
      this.#on(this.#mountDir, (fd) => addKey(fd, volumeKey, this.#mountDir));
    } catch (error) {
      throw this.#explain(error, 'could not be opened');
    }
  }

  async lock(): Promise<void> {
    const policy = this.#policy();
    if (policy === undefined || this.#status(policy.keyIdentifier) === 'absent') return;
    // The ioctl writes everything out too, but on this thread; with this before it little is left to write. What a file
    // system that has given up does not take, its unmount tells: the key must go all the same.
    await run('sync', ['-f', this.#mountDir]).catch((error: unknown) => {
      if (!(error instanceof ProcessError)) throw error;
    });
    const deadline = performance.now() + BUSY_TIMEOUT_MS;
    for (let attempt = 1; !this.#remove(policy.keyIdentifier); attempt += 1) {
      // Names that nobody uses can keep files in memory: let the kernel drop them once, it is a matter of all file systems.
      if (attempt === 2) await writeFile('/proc/sys/vm/drop_caches', '2');
      if (performance.now() > deadline) {
        const holders = await findHolders(this.#mountDir, this.dir);
        const who = holders.length === 0 ? 'something that cannot be seen from here' : holdersText(holders);
        throw this.#failure(`files in it are still open: ${who}`, {
          details: { holders },
          hint: 'end these programs, then lock again; until then what they have open can be read',
        });
      }
      await delay(POLL_MS);
    }
  }

  async isUnlocked(): Promise<boolean> {
    const policy = this.#policy();
    return policy !== undefined && this.#status(policy.keyIdentifier) === 'present';
  }

  #remove(keyIdentifier: string): boolean {
    return this.#on(this.#mountDir, (fd) => removeKey(fd, keyIdentifier, this.#mountDir));
  }

  #status(keyIdentifier: string): KeyStatus {
    return this.#on(this.#mountDir, (fd) => getKeyStatus(fd, keyIdentifier, this.#mountDir));
  }

  #policy(): FscryptPolicy | undefined {
    try {
      return this.#on(this.dir, (fd) => getPolicy(fd, this.dir));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#explain(error, 'could not be asked for its policy');
    }
  }

  #requirePolicy(): FscryptPolicy {
    const policy = this.#policy();
    if (policy === undefined) throw this.#failure('there is no vault on this device');
    if (!policy.isOurs) {
      throw this.#failure('its encryption policy is not the one that deskpod sets', {
        hint: 'something else encrypted this folder; nothing was opened',
      });
    }
    return policy;
  }

  async #removeEmptyFolder(): Promise<void> {
    try {
      await rmdir(this.dir);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      throw this.#failure('an unencrypted folder with files in it is in the way', { cause: error });
    }
  }

  /** The folder is on a drive that others may have written: it is opened as a folder and never through a link. */
  #on<T>(path: string, use: (fd: number) => T): T {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }

  #explain(error: unknown, what: string): DeskPodError {
    const isUnsupported =
      error instanceof ErrnoError && /^(EOPNOTSUPP|ENOTSUP|ENOTTY|ENOPKG)$/.test(error.code);
    if (!isUnsupported) return this.#failure(what, { cause: error });
    return new DeskPodError(
      'VAULT_UNSUPPORTED',
      `${this.dir}: this kernel or file system has no encryption`,
      {
        hint: 'the kernel needs CONFIG_FS_ENCRYPTION, the ext4 its feature `encrypt`',
        details: { dir: this.dir },
        cause: error,
      },
    );
  }

  #failure(
    reason: string,
    context: { hint?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ): DeskPodError {
    return new DeskPodError('VAULT_FAILED', `vault ${this.dir}: ${reason}`, {
      ...context,
      details: { dir: this.dir, kind: this.kind, ...context.details },
    });
  }
}
