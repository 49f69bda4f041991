// A vault in a LUKS2 container: the file vault.luks on the device's ext4, with an ext4 of its own inside.
//
// A file and not the whole device, because marker, repository and bases must be readable on hosts without dm-crypt:
// any host can then verify, copy or restore a device, both kinds of vault share one layout on the device, and a device
// can be made in a plain image without a partition table. The price is a second file system, and a size that is fixed
// when the vault is made: its blocks are allocated at once, for a file that ran out of space under a mounted file
// system would look like a failing drive. For the same reason discards are not passed down.
import { chmod, lstat, mkdir, open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { VAULT_FILE_NAME, VAULT_NAME } from '../device/device-content.ts';
import { reportDeviceFull } from '../device/device-full.ts';
import { deviceNumberText } from '../device/device-number.ts';
import { makeExt4, preenExt4, readSuperblock } from '../device/ext4.ts';
import { findHolders, findMountHolders, type Holder, holdersText } from '../device/holders.ts';
import { findMapping, loopsOfFile, type Mapping } from '../device/mapping.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import {
  foreignInLuksHeader,
  LUKS_CIPHER,
  LUKS_HASH,
  LUKS_ITERATIONS,
  LUKS_SECTOR_BYTES,
} from './luks-header.ts';
import { luksVaultBytes } from './luks-size.ts';
import type { Vault, VaultPlace, VaultRoom } from './vault.ts';
import { requireVolumeKey, VOLUME_KEY_BYTES } from './volume-key.ts';

const MOUNT_OPTIONS = 'nosuid,nodev,noexec,nosymfollow,noatime,errors=remount-ro';
const INNER_LABEL = 'deskpod-vault';
/** cryptsetup's exit code for a key that opens no slot. */
const EXIT_NO_PERMISSION = 2;
const BUSY_TIMEOUT_MS = 2000;
const POLL_MS = 20;

const SLOT_OPTIONS = [
  ...['--batch-mode', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', `${LUKS_ITERATIONS}`],
  ...['--hash', LUKS_HASH],
];
const FORMAT_OPTIONS = [
  ...['--type', 'luks2', '--cipher', LUKS_CIPHER, '--key-size', '512'],
  ...['--sector-size', `${LUKS_SECTOR_BYTES}`, '--label', INNER_LABEL],
];
const KEY_OPTIONS = ['--key-file=-', `--keyfile-size=${VOLUME_KEY_BYTES}`];

/** A vault of kind `luks`. */
export class LuksVault implements Vault {
  readonly kind = 'luks';
  readonly dir: string;
  readonly #mountDir: string;
  readonly #file: string;
  readonly #name: string;

  constructor({ mountDir, stagingId }: VaultPlace) {
    this.#mountDir = mountDir;
    this.dir = join(mountDir, VAULT_NAME);
    this.#file = join(mountDir, VAULT_FILE_NAME);
    this.#name = mappingName(stagingId);
  }

  async create(volumeKey: Uint8Array, room?: VaultRoom): Promise<void> {
    requireVolumeKey(volumeKey);
    if (await this.#hasFile()) throw this.#failure('there is a vault already');
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    try {
      await this.#allocate(room);
      const stale = await findMapping(this.#name);
      if (stale !== undefined) await this.#closeStale(stale);
      await this.#cryptsetup(
        ['luksFormat', ...FORMAT_OPTIONS, ...SLOT_OPTIONS, ...KEY_OPTIONS, this.#file],
        volumeKey,
      );
      await this.#addSlot(volumeKey);
      await this.#openMapping(volumeKey);
      await makeExt4(this.#mapped, INNER_LABEL);
      await this.#mount();
      // mkfs.ext4 lets everybody in.
      await chmod(this.dir, 0o700);
      await run('sync', ['-f', this.dir]);
      await run('sync', ['-f', this.#mountDir]);
    } catch (error) {
      throw await this.#undone(error);
    }
  }

  async unlock(volumeKey: Uint8Array): Promise<void> {
    requireVolumeKey(volumeKey);
    if (!(await this.#hasFile())) throw this.#failure('there is no vault on this device');
    await this.#requireOurHeader();
    if (await this.#isMapped()) {
      await this.#cryptsetup(
        ['open', '--test-passphrase', '--type', 'luks2', ...KEY_OPTIONS, this.#file],
        volumeKey,
      );
    } else {
      await this.#openMapping(volumeKey);
    }
    if (await this.isUnlocked()) return;
    try {
      await this.#mount();
    } catch (error) {
      throw await this.#locked(error);
    }
  }

  async lock(): Promise<void> {
    const mapping = await findMapping(this.#name);
    if (mapping === undefined) return;
    let unwritten: unknown;
    if (await this.isUnlocked()) {
      await run('sync', ['-f', this.dir]).catch((error: unknown) => {
        unwritten = error;
      });
      await this.#whenFree(
        () => run('umount', ['--', this.dir]),
        () => findHolders(this.dir),
      );
    }
    const close = () => run('cryptsetup', ['close', this.#name]);
    await this.#whenFree(close, () => findMountHolders(mapping.deviceNumber));
    await this.#waitForLoops();
    // Said last: whatever became of the drive, key and plaintext had to leave the kernel.
    if (unwritten === undefined) return;
    throw this.#failure('it is locked, but not everything could be written to the device', {
      hint: 'what was synced before is kept; `dmesg | tail` says what failed',
      cause: unwritten,
    });
  }

  async isUnlocked(): Promise<boolean> {
    const mount = mountAt(await readMounts(), this.dir);
    return mount !== undefined && mount.deviceNumber === (await findMapping(this.#name))?.deviceNumber;
  }

  get #mapped(): string {
    return `/dev/mapper/${this.#name}`;
  }

  /** Nothing of a vault that could not be made is left, or the error says that something is. */
  async #undone(error: unknown): Promise<Error> {
    const failure = await this.#locked(error);
    await rm(this.#file, { force: true });
    return failure instanceof DeskPodError ? failure : this.#failure('could not be made', { cause: failure });
  }

  /** Locks after a failure, and returns that failure, or both. */
  async #locked(error: unknown): Promise<Error> {
    try {
      await this.lock();
    } catch (left) {
      const cause = new AggregateError([error, left], 'it failed, and what was begun could not be undone');
      return this.#failure('failed, and is still in use', { cause });
    }
    return error instanceof Error ? error : new Error(String(error));
  }

  async #requireOurHeader(): Promise<void> {
    let foreign: string | undefined;
    try {
      const { stdout } = await run('cryptsetup', ['luksDump', '--dump-json-metadata', this.#file]);
      foreign = foreignInLuksHeader(stdout);
    } catch (error) {
      throw this.#failure('its LUKS2 header cannot be read', {
        hint: 'both copies of it are damaged: restore the pod from home to a new device, and keep this one',
        cause: error,
      });
    }
    if (foreign === undefined) return;
    throw this.#failure(`its header names ${foreign}`, {
      hint: 'something else made or changed it; nothing was opened',
      details: { foreign },
    });
  }

  /** Every block is taken now. */
  async #allocate(room: VaultRoom | undefined): Promise<void> {
    const { bavail, bsize } = await statfs(this.#mountDir);
    const sizeBytes = luksVaultBytes(bavail * bsize, room);
    // Made here, and only if nothing of that name is there, so that no link on the drive is followed.
    await (await open(this.#file, 'wx', 0o600)).close();
    await reportDeviceFull(this.#mountDir, 'the vault', () =>
      run('fallocate', ['-l', String(sizeBytes), this.#file]),
    );
  }

  /** The same key once more: without its slot a vault is lost, and one bad sector is enough for that. */
  async #addSlot(volumeKey: Uint8Array): Promise<void> {
    // The first key is read to its length, and the new one after it, from the same pipe.
    const twice = Buffer.concat([volumeKey, volumeKey]);
    const keys = [...KEY_OPTIONS, `--new-keyfile-size=${VOLUME_KEY_BYTES}`];
    try {
      await this.#cryptsetup(['luksAddKey', ...SLOT_OPTIONS, ...keys, this.#file, '-'], twice);
    } finally {
      twice.fill(0);
    }
  }

  async #openMapping(volumeKey: Uint8Array): Promise<void> {
    await this.#cryptsetup(['open', '--type', 'luks2', ...KEY_OPTIONS, this.#file, this.#name], volumeKey);
  }

  async #mount(): Promise<void> {
    const superblock = await readSuperblock(this.#mapped);
    if (superblock?.label !== INNER_LABEL) throw this.#failure('there is no file system of a vault in it');
    try {
      if (!superblock.isClean) await preenExt4(this.#mapped);
      await run('mount', ['-t', 'ext4', '-o', MOUNT_OPTIONS, '--', this.#mapped, this.dir]);
    } catch (error) {
      throw this.#failure('its file system could not be mounted', {
        hint: 'copy the device if it matters; what was synced can be restored from home',
        cause: error,
      });
    }
  }

  async #cryptsetup(args: readonly string[], key: Uint8Array): Promise<void> {
    const input = Buffer.from(key);
    try {
      await run('cryptsetup', args, { input });
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      if (error.exitCode === EXIT_NO_PERMISSION) {
        throw this.#failure('the key is not the one that it was made with, or its key slots are damaged', {
          hint: 'was vault and keyring taken from the same device? If so, restore the pod from home',
          cause: error,
        });
      }
      if (
        !error.notFound &&
        !/initialize device-mapper|kernel module|supports .* cipher/i.test(error.stderrTail)
      ) {
        throw this.#failure(`cryptsetup ${args[0]} failed`, { cause: error });
      }
      throw new DeskPodError('VAULT_UNSUPPORTED', `${this.#file}: this host cannot open a LUKS vault`, {
        hint: 'it needs cryptsetup and a kernel with dm-crypt: `deskpod doctor` says which is missing',
        details: { file: this.#file },
        cause: error,
      });
    } finally {
      input.fill(0);
    }
  }

  async #whenFree(action: () => Promise<unknown>, find: () => Promise<Holder[]>): Promise<void> {
    const deadline = performance.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        await action();
        return;
      } catch (error) {
        if (!(error instanceof ProcessError) || error.notFound) throw error;
        if (performance.now() > deadline) throw this.#inUse(await find(), error);
      }
      await delay(POLL_MS);
    }
  }

  /** The kernel gives the loop device back when its last user is gone, which udev may be for a moment. */
  async #waitForLoops(): Promise<void> {
    const deadline = performance.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      const [loop] = await this.#loops();
      if (loop === undefined) return;
      if (performance.now() > deadline) throw this.#inUse([{ name: 'the kernel', path: `/dev/${loop}` }]);
      await delay(POLL_MS);
    }
  }

  async #loops(): Promise<string[]> {
    const { dev, ino } = await stat(this.#file);
    return loopsOfFile({ deviceNumber: deviceNumberText(dev), inode: ino });
  }

  async #hasFile(): Promise<boolean> {
    try {
      const found = await lstat(this.#file);
      if (!found.isFile()) throw this.#failure(`${VAULT_FILE_NAME} is no file`);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Whether this very file is open. A mapping of the same drive before it was pulled out is taken away. */
  async #isMapped(): Promise<boolean> {
    const mapping = await findMapping(this.#name);
    if (mapping === undefined) return false;
    const loops = await this.#loops();
    if (mapping.under.some((name) => loops.includes(name))) return true;
    await this.#closeStale(mapping);
    return false;
  }

  async #closeStale({ deviceNumber }: Mapping): Promise<void> {
    try {
      await run('cryptsetup', ['close', this.#name]);
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      throw this.#inUse(await findMountHolders(deviceNumber), error);
    }
  }

  #inUse(holders: readonly Holder[], cause?: unknown): DeskPodError {
    const who = holders.length === 0 ? 'something that cannot be seen from here' : holdersText(holders);
    return this.#failure(`files in it are still open: ${who}`, {
      details: { holders },
      hint: 'end these programs, then lock again; until then what they have open can be read',
      cause,
    });
  }

  #failure(
    reason: string,
    context: { hint?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ): DeskPodError {
    return new DeskPodError('VAULT_FAILED', `vault ${this.#file}: ${reason}`, {
      ...context,
      details: { file: this.#file, kind: this.kind, ...context.details },
    });
  }
}

/** The device-mapper name of a staging folder's vault. */
export function mappingName(stagingId: string): string {
  return `deskpod-${stagingId}`;
}
