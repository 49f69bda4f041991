// A vault in a LUKS2 container: the file vault.luks on the device's ext4, with an ext4 of its own inside.
//
// A file and not the whole device, because marker, repository and bases must be readable on hosts without dm-crypt:
// any host can then verify, copy or restore a device, both kinds of vault share one layout on the device, and a device
// can be made in a plain image without a partition table. The price is a second file system, and a size that is fixed
// when the vault is made: its blocks are allocated at once, for a file that ran out of space under a mounted file
// system would look like a failing drive. For the same reason discards are not passed down.
import { lstat, mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { VAULT_FILE_NAME, VAULT_NAME } from '../device/device-content.ts';
import { reportDeviceFull } from '../device/device-full.ts';
import { makeExt4, preenExt4, readSuperblock } from '../device/ext4.ts';
import { findHolders, holdersText } from '../device/holders.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import type { Vault, VaultPlace } from './vault.ts';
import { requireVolumeKey, VOLUME_KEY_BYTES } from './volume-key.ts';

const MOUNT_OPTIONS = 'nosuid,nodev,noexec,nosymfollow,noatime,errors=remount-ro';
const INNER_LABEL = 'deskpod-vault';
/** Of the device's free space when the vault is made; the repository needs the rest. */
const SHARE_OF_FREE_SPACE = 0.5;
const BLOCK_BYTES = 1024 * 1024; // 1 MiB
/** cryptsetup's exit code for a key that opens no slot. */
const EXIT_NO_PERMISSION = 2;
const BUSY_TIMEOUT_MS = 2000;
const POLL_MS = 20;

const CIPHER = 'aes-xts-plain64';

/** The key is 64 random bytes already: stretching it would cost time and add nothing. */
const FORMAT_OPTIONS = [
  ...[
    '--type',
    'luks2',
    '--batch-mode',
    '--cipher',
    'aes-xts-plain64',
    '--key-size',
    '512',
    '--hash',
    'sha256',
  ],
  ...[
    '--pbkdf',
    'pbkdf2',
    '--pbkdf-force-iterations',
    '1000',
    '--sector-size',
    '4096',
    '--label',
    INNER_LABEL,
  ],
];
const KEY_OPTIONS = ['--key-file=-', `--keyfile-size=${VOLUME_KEY_BYTES}`];

/** The part of a LUKS2 header's JSON that is looked at. */
interface LuksHeader {
  readonly segments?: Readonly<Record<string, { readonly encryption?: string }>>;
  readonly keyslots?: Readonly<Record<string, { readonly area?: { readonly encryption?: string } }>>;
}

/** A vault of kind `luks`. */
export class LuksVault implements Vault {
  readonly kind = 'luks';
  readonly dir: string;
  readonly #mountDir: string;
  readonly #file: string;
  readonly #mapping: string;

  constructor({ mountDir, stagingId }: VaultPlace) {
    this.#mountDir = mountDir;
    this.dir = join(mountDir, VAULT_NAME);
    this.#file = join(mountDir, VAULT_FILE_NAME);
    this.#mapping = mappingName(stagingId);
  }

  async create(volumeKey: Uint8Array): Promise<void> {
    requireVolumeKey(volumeKey);
    if (await this.#hasFile()) throw this.#failure('there is a vault already');
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    try {
      await this.#allocate();
      await this.#cryptsetup(['luksFormat', ...FORMAT_OPTIONS, ...KEY_OPTIONS, this.#file], volumeKey);
      await this.#openMapping(volumeKey);
      await makeExt4(this.#mapped, INNER_LABEL);
      await this.#mount();
      await run('sync', ['-f', this.#mountDir]);
    } catch (error) {
      await this.lock();
      await rm(this.#file, { force: true });
      throw error instanceof DeskPodError ? error : this.#failure('could not be made', { cause: error });
    }
  }

  async unlock(volumeKey: Uint8Array): Promise<void> {
    requireVolumeKey(volumeKey);
    if (!(await this.#hasFile())) throw this.#failure('there is no vault on this device');
    if (await this.isUnlocked()) return;
    await this.#requireOurHeader();
    await this.#cryptsetup(
      ['open', '--test-passphrase', '--type', 'luks2', ...KEY_OPTIONS, this.#file],
      volumeKey,
    );
    if (!(await this.#isMapped())) await this.#openMapping(volumeKey);
    try {
      await this.#mount();
    } catch (error) {
      await run('cryptsetup', ['close', this.#mapping]);
      throw error;
    }
  }

  async lock(): Promise<void> {
    if (await this.isUnlocked()) {
      await run('sync', ['-f', this.dir]);
      await this.#whenFree(() => run('umount', ['--', this.dir]));
    }
    if (await this.#isMapped()) await this.#whenFree(() => run('cryptsetup', ['close', this.#mapping]));
  }

  async isUnlocked(): Promise<boolean> {
    return mountAt(await readMounts(), this.dir)?.source === this.#mapped;
  }

  get #mapped(): string {
    return `/dev/mapper/${this.#mapping}`;
  }

  /**
   * The header lies on the drive's plain part. One that names the null cipher opens with any key on older versions of
   * cryptsetup (CVE-2025-59054) and would have the session's secrets written in the clear.
   */
  async #requireOurHeader(): Promise<void> {
    let header: LuksHeader;
    try {
      const { stdout } = await run('cryptsetup', ['luksDump', '--dump-json-metadata', this.#file]);
      header = JSON.parse(stdout) as LuksHeader;
    } catch (error) {
      throw this.#failure('its LUKS2 header cannot be read', { cause: error });
    }
    const ciphers = [
      ...Object.values(header.segments ?? {}).map(({ encryption }) => encryption),
      ...Object.values(header.keyslots ?? {}).map(({ area }) => area?.encryption),
    ];
    if (ciphers.length >= 2 && ciphers.every((cipher) => cipher === CIPHER)) return;
    throw this.#failure(`its header names other ciphers than ${CIPHER}`, { details: { ciphers } });
  }

  /** Half of what is free, every block of it taken now. */
  async #allocate(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#mountDir);
    const sizeBytes = Math.floor((bavail * bsize * SHARE_OF_FREE_SPACE) / BLOCK_BYTES) * BLOCK_BYTES;
    // Made here, and only if nothing of that name is there, so that no link on the drive is followed.
    await (await open(this.#file, 'wx', 0o600)).close();
    await reportDeviceFull(this.#mountDir, 'the vault', () =>
      run('fallocate', ['-l', String(sizeBytes), this.#file]),
    );
  }

  async #openMapping(volumeKey: Uint8Array): Promise<void> {
    await this.#cryptsetup(['open', '--type', 'luks2', ...KEY_OPTIONS, this.#file, this.#mapping], volumeKey);
  }

  async #mount(): Promise<void> {
    const superblock = await readSuperblock(this.#mapped);
    if (superblock?.label !== INNER_LABEL) throw this.#failure('there is no file system of a vault in it');
    if (!superblock.isClean) await preenExt4(this.#mapped);
    try {
      await run('mount', ['-t', 'ext4', '-o', MOUNT_OPTIONS, '--', this.#mapped, this.dir]);
    } catch (error) {
      throw this.#failure('its file system could not be mounted', { cause: error });
    }
  }

  async #cryptsetup(args: readonly string[], volumeKey: Uint8Array): Promise<void> {
    const input = Buffer.from(volumeKey);
    try {
      await run('cryptsetup', args, { input });
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      if (error.exitCode === EXIT_NO_PERMISSION) {
        throw this.#failure('the key is not the one that it was made with', {
          hint: 'was vault and keyring taken from the same device?',
          cause: error,
        });
      }
      if (!error.notFound && !/device-mapper|dm-crypt/i.test(error.stderrTail)) {
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

  async #whenFree(action: () => Promise<unknown>): Promise<void> {
    const deadline = performance.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        await action();
        return;
      } catch (error) {
        if (!(error instanceof ProcessError) || error.notFound) throw error;
        if (performance.now() > deadline) {
          const holders = await findHolders(this.dir);
          const who = holders.length === 0 ? 'something that cannot be seen from here' : holdersText(holders);
          throw this.#failure(`files in it are still open: ${who}`, {
            details: { holders },
            hint: 'end these programs, then lock again; until then what they have open can be read',
            cause: error,
          });
        }
      }
      await delay(POLL_MS);
    }
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

  async #isMapped(): Promise<boolean> {
    try {
      // The node is made by udev, or by cryptsetup itself where there is none.
      return (await lstat(this.#mapped)) !== undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
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
