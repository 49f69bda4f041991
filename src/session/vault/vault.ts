// The encrypted part of a device: one interface over two ways to encrypt, and the choice between them.
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { exists } from '../../sync/posix/path-status.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { VAULT_FILE_NAME } from '../device/device-content.ts';
import { FscryptVault } from './fscrypt-vault.ts';
import { LuksVault } from './luks-vault.ts';

/** How a vault is encrypted: by ext4 itself, or by dm-crypt beneath a file system of its own. */
export type VaultKind = 'fscrypt' | 'luks';

/**
 * The vault of a mounted device. The caller keeps the volume key and wipes it; copies made here are wiped before a
 * call returns. One process uses a vault at a time, the one that mounted the device.
 */
export interface Vault {
  readonly kind: VaultKind;
  /** Where the files are while it is unlocked; on the device, root's alone. */
  readonly dir: string;
  /**
   * Makes the vault, empty and unlocked. If that fails nothing of it is left.
   * @param room what will be put on the device, for a kind whose size is fixed from then on
   * @throws DeskPodError VAULT_FAILED if there is one or it cannot be made; VAULT_UNSUPPORTED; DEVICE_FULL;
   * DEVICE_TOO_SMALL
   */
  create(volumeKey: Uint8Array, room?: VaultRoom): Promise<void>;
  /**
   * Opens the vault; nothing happens if it is open. The key is checked before anything is changed, also if it is open.
   * @throws DeskPodError VAULT_FAILED if the key is not this vault's or there is no vault; VAULT_UNSUPPORTED
   */
  unlock(volumeKey: Uint8Array): Promise<void>;
  /**
   * Writes everything to the device and takes key and plaintext out of the kernel; nothing happens if it is locked.
   * @throws DeskPodError VAULT_FAILED naming the open files and who has them: the caller ends them and calls again
   */
  lock(): Promise<void>;
  isUnlocked(): Promise<boolean>;
}

/** What a device must have room for when its vault is made. */
export interface VaultRoom {
  /** In the vault: the layer's files. */
  readonly vaultBytes: number;
  /** Beside it: the repository with its base. */
  readonly plainBytes: number;
}

/** Which device a vault is on. */
export interface VaultPlace {
  /** Where the device's ext4 is mounted. */
  readonly mountDir: string;
  /** The id of its staging folder, which also names what the vault leaves in the kernel. */
  readonly stagingId: string;
}

/** Whether this host can open a kind of vault. */
export interface VaultKindReport {
  readonly kind: VaultKind;
  readonly isUsable: boolean;
  /** What is missing and where to get it; `undefined` if nothing is. */
  readonly missing: string | undefined;
}

/** The vault of one kind at one place; touches nothing. */
export function chooseVault(kind: VaultKind, place: VaultPlace): Vault {
  return kind === 'luks' ? new LuksVault(place) : new FscryptVault(place);
}

/**
 * The kind of the vault that is on a mounted device; `undefined` if there is none.
 * @throws ErrnoError if the device cannot be asked
 */
export async function findVaultKind(place: VaultPlace): Promise<VaultKind | undefined> {
  try {
    if ((await lstat(join(place.mountDir, VAULT_FILE_NAME))).isFile()) return 'luks';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return new FscryptVault(place).exists() ? 'fscrypt' : undefined;
}

/**
 * Which kinds of vault this host can open, the one to prefer for a new pod first. Loads kernel modules that are only
 * waiting to be loaded; needs root for that.
 */
export async function probeVaultKinds(): Promise<VaultKindReport[]> {
  return [await probeFscrypt(), await probeLuks()];
}

/**
 * The kind for a new device on this host: fscrypt opens on any host with ext4, and takes no more room than its files;
 * LUKS hides their number and sizes too, and wants dm-crypt on every host that the pod will meet.
 * @param former the kind of the device that is replaced, which is taken again if this host can open it
 * @throws DeskPodError VAULT_UNSUPPORTED if the host can open neither
 */
export async function preferVaultKind(former?: string): Promise<VaultKind> {
  const reports = await probeVaultKinds();
  const usables = reports.filter(({ isUsable }) => isUsable);
  const usable = usables.find(({ kind }) => kind === former) ?? usables[0];
  if (usable !== undefined) return usable.kind;
  const missing = reports.map(({ kind, missing }) => `${kind}: ${missing}`).join('; ');
  throw new DeskPodError('VAULT_UNSUPPORTED', `this host can open no kind of vault: ${missing}`, {
    hint: 'run `deskpod doctor` for what to install',
    details: { reports },
  });
}

async function probeFscrypt(): Promise<VaultKindReport> {
  await tryModule('ext4');
  const isUsable = await exists('/sys/fs/ext4/features/encryption');
  const missing = isUsable ? undefined : 'the kernel option CONFIG_FS_ENCRYPTION';
  return { kind: 'fscrypt', isUsable, missing };
}

async function probeLuks(): Promise<VaultKindReport> {
  const missing = await missingForLuks();
  return { kind: 'luks', isUsable: missing === undefined, missing };
}

async function missingForLuks(): Promise<string | undefined> {
  if (!(await succeeds('cryptsetup', ['--version'])))
    return 'the program cryptsetup (Debian package cryptsetup-bin)';
  await tryModule('dm_mod');
  if (!/ device-mapper$/m.test(await readFile('/proc/misc', 'utf8'))) {
    return 'device-mapper (kernel option CONFIG_BLK_DEV_DM, module dm_mod)';
  }
  await tryModule('dm_crypt');
  if (!(await succeeds('dmsetup', ['--version']))) return 'the program dmsetup (Debian package dmsetup)';
  const { stdout } = await run('dmsetup', ['targets']);
  if (!/^crypt\s/m.test(stdout)) return 'dm-crypt (kernel option CONFIG_DM_CRYPT, module dm_crypt)';
  await tryModule('xts');
  // What is built in but not used yet is not listed; a module that cannot be loaded is the rule only without AES.
  return /^name +: .*aes/m.test(await readFile('/proc/crypto', 'utf8'))
    ? undefined
    : 'AES (kernel option CONFIG_CRYPTO_AES)';
}

/** A module that is built in, loaded or missing makes no difference here: the check after it decides. */
async function tryModule(name: string): Promise<void> {
  await succeeds('modprobe', ['-q', name]);
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(program, args);
    return true;
  } catch (error) {
    if (error instanceof ProcessError) return false;
    throw error;
  }
}
