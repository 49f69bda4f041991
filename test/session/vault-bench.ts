// A place for one test of a vault: a mounted device, its vault, not made yet, and a key.
import { randomBytes } from 'node:crypto';
import type { MountedDevice } from '../../src/session/device/device.ts';
import { chooseVault, type Vault, type VaultKind, type VaultPlace } from '../../src/session/vault/vault.ts';
import { DeviceBench, MEBIBYTE } from './device-bench.ts';

/** The smallest that a device may be: half of it is a LUKS vault. */
const DEVICE_BYTES = 128 * MEBIBYTE;

/** What registers a test: mocha's `it`, or what asks a guest how the test ended there. */
export type Register = (title: string, body: () => Promise<void>) => unknown;

/** What one test uses. */
export interface VaultBench {
  readonly bench: DeviceBench;
  readonly device: MountedDevice;
  readonly place: VaultPlace;
  readonly vault: Vault;
  readonly volumeKey: Uint8Array;
  /** The vault of another mounted device; locked at the end. */
  vaultOf(device: MountedDevice): Vault;
}

/** Runs `body` on a new device; whatever happens, nothing stays mounted. */
export async function withVault(kind: VaultKind, body: (bench: VaultBench) => Promise<void>): Promise<void> {
  const bench = await DeviceBench.open();
  try {
    const device = await bench.mounted('device.img', DEVICE_BYTES);
    const vaultOf = (mounted: MountedDevice): Vault => {
      const made = chooseVault(kind, placeOf(mounted));
      bench.atEnd(() => made.lock());
      return made;
    };
    const volumeKey = randomBytes(64);
    await body({ bench, device, place: placeOf(device), vault: vaultOf(device), volumeKey, vaultOf });
  } finally {
    await bench.close();
  }
}

function placeOf({ mountDir, staging }: MountedDevice): VaultPlace {
  return { mountDir, stagingId: staging.id };
}
