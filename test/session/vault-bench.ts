// A place for tests of one kind of vault: each gets a device of its own, copied from one that was made once.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MountedDevice } from '../../src/session/device/device.ts';
import { chooseVault, type Vault, type VaultKind, type VaultPlace } from '../../src/session/vault/vault.ts';
import { run } from '../../src/sync/process.ts';
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

/** The text of the one file, `kept.txt`, in a vault that was made before. */
export const KEPT = 'the secret of the pod, which must not be found on the device';

/** The devices that tests start from; close it when they are done. */
export class VaultTemplates {
  readonly #kind: VaultKind;
  readonly #volumeKey = randomBytes(64);
  #dir: Promise<string> | undefined;
  readonly #images = new Map<string, Promise<string>>();

  constructor(kind: VaultKind) {
    this.#kind = kind;
  }

  /** Runs `body` on a device without a vault; whatever happens, nothing stays mounted. */
  async withDevice(body: (bench: VaultBench) => Promise<void>): Promise<void> {
    await this.#with(await this.#image('blank', (bench) => bench.image('device.img', DEVICE_BYTES)), body);
  }

  /** Runs `body` on a device with a vault that is locked, with one file in it. */
  async withVault(body: (bench: VaultBench) => Promise<void>): Promise<void> {
    const image = await this.#image('made', async (bench) => {
      const device = await bench.mounted('device.img', DEVICE_BYTES);
      const vault = chooseVault(this.#kind, placeOf(device));
      await vault.create(this.#volumeKey);
      await writeFile(join(vault.dir, 'kept.txt'), KEPT);
      await vault.lock();
      await device.unmount();
      return device.path;
    });
    await this.#with(image, body);
  }

  async close(): Promise<void> {
    if (this.#dir !== undefined) await rm(await this.#dir, { recursive: true, force: true });
  }

  async #with(image: string, body: (bench: VaultBench) => Promise<void>): Promise<void> {
    const bench = await DeviceBench.open();
    try {
      await copyImage(image, bench.path('device.img'));
      const device = await bench.mount(bench.path('device.img'));
      const vaultOf = (mounted: MountedDevice): Vault => {
        const made = chooseVault(this.#kind, placeOf(mounted));
        bench.atEnd(() => made.lock());
        return made;
      };
      const volumeKey = Uint8Array.from(this.#volumeKey);
      await body({ bench, device, place: placeOf(device), vault: vaultOf(device), volumeKey, vaultOf });
    } finally {
      await bench.close();
    }
  }

  #image(name: string, make: (bench: DeviceBench) => Promise<string>): Promise<string> {
    const image = this.#images.get(name) ?? this.#make(name, make);
    this.#images.set(name, image);
    return image;
  }

  async #make(name: string, make: (bench: DeviceBench) => Promise<string>): Promise<string> {
    this.#dir ??= mkdtemp(join(tmpdir(), 'deskpod-vaults-'));
    const image = join(await this.#dir, name);
    const bench = await DeviceBench.open();
    try {
      await copyImage(await make(bench), image);
    } finally {
      await bench.close();
    }
    return image;
  }
}

/** Copies an image as it is on its disk now: what waits in memory above it is not in the copy. */
export async function copyImage(from: string, to: string): Promise<void> {
  await run('cp', ['--sparse=always', from, to]);
}

function placeOf({ mountDir, staging }: MountedDevice): VaultPlace {
  return { mountDir, stagingId: staging.id };
}
