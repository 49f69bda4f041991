// A desktop pod on an image file with a twin beside it; without any session.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { peekHead } from '../../src/core/head.ts';
import { mountDevice } from '../../src/session/device/device.ts';
import { desktopOperations } from '../../src/session/operation/desktop-operations.ts';
import type { OperateOptions } from '../../src/session/operation/operate.ts';
import type { Operations, SyncOutcome } from '../../src/session/operation/operations.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { type OpenedDevice, openDevice } from '../../src/session/pod/open-device.ts';
import { DeviceBench, MEBIBYTE } from './device-bench.ts';

export const PASSPHRASE = 'correct horse battery';
export const CREDENTIAL = { passphrase: PASSPHRASE };
export const NEW_POD = { passphrase: PASSPHRASE, sizeBytes: 400 * MEBIBYTE };
export const quiet = (): void => undefined;
export const SETTINGS: OperateOptions = { passphrase: async () => PASSPHRASE, onProgress: quiet };

/** The pod, opened, and where its twin is made. */
export class TwinLab {
  readonly bench: DeviceBench;
  readonly image: string;
  readonly twin: string;
  readonly desktop: Desktop;

  private constructor(bench: DeviceBench, desktop: Desktop, image: string) {
    this.bench = bench;
    this.desktop = desktop;
    this.image = image;
    this.twin = bench.path('twin.img');
  }

  /** Makes and opens the pod; close the lab in an `afterEach`. */
  static async open(): Promise<TwinLab> {
    const bench = await DeviceBench.open();
    await bench.pod('pod.img', NEW_POD);
    const image = bench.path('pod.img');
    const desktop = await Desktop.take(await openDevice(image, CREDENTIAL), quiet);
    bench.atEnd(() => desktop.close());
    return new TwinLab(bench, desktop, image);
  }

  close(): Promise<void> {
    return this.bench.close();
  }

  add(
    path = this.twin,
    options: { sizeBytes?: number; isForced?: boolean } = {},
  ): Promise<Operations['home-add']['answer']> {
    return this.operations['home-add']({ url: path, twin: { isForced: false, ...options } }, quiet);
  }

  async sync(): Promise<readonly SyncOutcome[]> {
    return (await this.operations.sync({}, quiet)).homes;
  }

  get operations(): ReturnType<typeof desktopOperations> {
    return desktopOperations(this.desktop);
  }

  /** Writes a file into the pod, and seals it. */
  async checkpoint(name: string, content: string | Uint8Array): Promise<void> {
    await writeFile(join(this.desktop.root.layerDir, name), content);
    await this.desktop.checkpoint(quiet);
  }

  /** Makes the pod of the twin, for `use`. */
  async promoted<T>(use: (desktop: Desktop, opened: OpenedDevice) => Promise<T>): Promise<T> {
    const opened = await openDevice(this.twin, CREDENTIAL, { onPromotion: quiet });
    const desktop = await Desktop.take(opened, quiet);
    try {
      return await use(desktop, opened);
    } finally {
      await desktop.close();
    }
  }
}

/** What is on a device. */
export async function onDevice<T>(path: string, look: (mountDir: string) => Promise<T>): Promise<T> {
  const device = await mountDevice(path, { isFresh: true });
  try {
    return await look(device.mountDir);
  } finally {
    await device.unmount();
  }
}

/** Where the log of a device's repository ends. */
export function headSeq(path: string): Promise<number> {
  return onDevice(path, async (dir) => peekHead(await readFile(join(dir, 'repository', 'head'))).seq);
}

/** What became of each home: the code of its failure, or nothing. */
export function codes(outcomes: readonly SyncOutcome[]): (string | undefined)[] {
  return outcomes.map((outcome) => ('error' in outcome ? outcome.error.code : undefined));
}
