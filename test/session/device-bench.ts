// A place for tests of devices: a temporary folder, image files, and an end that leaves nothing mounted.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeskPodError, type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { type MountedDevice, mountDevice } from '../../src/session/device/device.ts';
import { formatDevice } from '../../src/session/device/device-format.ts';
import { createDesktop } from '../../src/session/pod/create-desktop.ts';
import { run } from '../../src/sync/process.ts';
import { makeErofs } from './erofs-image.ts';
import { until } from './until.ts';

export const MEBIBYTE = 1024 * 1024;

/** What one test uses; `close` ends it whatever happened. */
export class DeviceBench {
  readonly dir: string;
  readonly #endings: (() => Promise<unknown>)[] = [];

  constructor(dir: string) {
    this.dir = dir;
  }

  static async open(): Promise<DeviceBench> {
    return new DeviceBench(await mkdtemp(join(tmpdir(), 'deskpod-device-')));
  }

  /** Opens one for `body`, and closes it whatever happens there. */
  static async use(body: (bench: DeviceBench) => Promise<void>): Promise<void> {
    const bench = await DeviceBench.open();
    try {
      await body(bench);
    } finally {
      await bench.close();
    }
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** A formatted image file of 200 MiB. */
  async image(name = 'device.img', sizeBytes = 200 * MEBIBYTE): Promise<string> {
    await formatDevice({ path: this.path(name), sizeBytes });
    return this.path(name);
  }

  /** A formatted and mounted device on an image file. */
  async mounted(name = 'device.img', sizeBytes = 200 * MEBIBYTE): Promise<MountedDevice> {
    return this.mount(await this.image(name, sizeBytes));
  }

  async mount(path: string): Promise<MountedDevice> {
    const device = await mountDevice(path, { isFresh: true });
    this.atEnd(() => device.unmount());
    return device;
  }

  /**
   * A desktop pod on a new image file, with a base that holds no system: it can be opened and checkpointed, but not started.
   * Gives its id.
   */
  async pod(
    name: string,
    plan: { readonly passphrase: string; readonly sizeBytes: number },
  ): Promise<string> {
    const base = this.path('base.erofs');
    const baseDir = this.path('base');
    await mkdir(baseDir, { recursive: true });
    await writeFile(join(baseDir, 'name'), 'what all sessions share');
    await makeErofs(baseDir, base);
    const created = await createDesktop({
      ...{ devicePath: this.path(name), name: 'desk', base, workFactor: 2, isForced: false },
      ...{ onProgress: () => undefined, ...plan },
    });
    return created.podId;
  }

  /** A block device: a loop device on a new file. */
  async blockDevice(name = 'block.img', sizeBytes = 200 * MEBIBYTE): Promise<string> {
    await run('truncate', ['-s', String(sizeBytes), this.path(name)]);
    const { stdout } = await run('losetup', ['--find', '--show', this.path(name)]);
    this.atEnd(() => run('losetup', ['-d', stdout]));
    return stdout;
  }

  /** Something to undo at the end, the last first. */
  atEnd(ending: () => Promise<unknown>): void {
    this.#endings.push(ending);
  }

  async close(): Promise<void> {
    for (const ending of this.#endings.reverse()) await ending();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Runs a shell's script in the plain part of a pod's image, as somebody who has the drive. */
export async function onDrive(image: string, script: string, mountOptions = 'loop'): Promise<void> {
  // In a mount namespace of its own: it is in no other one, and ends with the script.
  const words = ['--mount', 'sh', '-ec', `mount -o "$2" "$1" /mnt; cd /mnt; ${script}`, 'sh'];
  await run('unshare', [...words, image, mountOptions]);
  await until(async () => (await run('losetup', ['-j', image])).stdout === '');
}

/** A process that has a file open; it runs once it has said so. */
export async function holdOpen(path: string): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', 'exec 3<"$1"; echo ready; exec sleep 300', 'sh', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child;
}

/** Ends a process by SIGKILL, if it has not ended, and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Runs `action`, which must throw a DeskPodError of this code, and returns it. */
export async function failureOf(code: ErrorCode, action: () => Promise<unknown>): Promise<DeskPodError> {
  try {
    await action();
  } catch (error) {
    if (isDeskPodError(error, code)) return error;
    throw error;
  }
  assert.fail(`expected ${code}, nothing was thrown`);
}
