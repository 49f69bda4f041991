// Places where devices come and go for tests: drives as the kernel and udev show them, and folders.
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { makeExt4 } from '../../src/session/device/ext4.ts';
import { allSources } from '../../src/session/dock/device-source.ts';
import { driveSource } from '../../src/session/dock/drive-source.ts';
import { folderSource } from '../../src/session/dock/folder-source.ts';
import { MARKER_FILE, TREE_POD_DIR } from '../../src/sync/pod/pod-folder.ts';
import { run } from '../../src/sync/process.ts';
import type { DeviceStage } from './device-source-contract.ts';

/** How fast a block device is read; hosts with control groups of version 2 have none for all programs. */
const READ_LIMITS = '/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device';
/** In a second: a test that is killed meanwhile leaves no process that cannot end. */
const SLOW_BYTES = 1024;
const ANSWER_TIMEOUT_MS = 100;

/** What all stages have: a scratch folder, and images of devices. */
class Scratch {
  readonly dir: string;
  readonly #endings: (() => Promise<unknown>)[] = [];
  #count = 0;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(): Promise<Scratch> {
    return new Scratch(await mkdtemp(join(tmpdir(), 'deskpod-stage-')));
  }

  async image(label = 'deskpod'): Promise<string> {
    this.#count += 1;
    const path = join(this.dir, `image-${this.#count}`);
    await run('truncate', ['-s', '16M', path]);
    await makeExt4(path, label);
    return path;
  }

  /** A block device that takes many seconds to be read, until `answer` is called; undefined where this takes another host. */
  async silentDevice(): Promise<{ readonly path: string; answer(): Promise<void> } | undefined> {
    if (process.geteuid?.() !== 0 || !(await isThere(READ_LIMITS))) return undefined;
    const image = await this.image();
    const { stdout: path } = await run('losetup', ['--find', '--show', '--read-only', image]);
    this.#endings.push(() => run('losetup', ['-d', path]));
    const number = (await readFile(`/sys/class/block/${basename(path)}/dev`, 'utf8')).trim();
    await writeFile(READ_LIMITS, `${number} ${SLOW_BYTES}`);
    const answer = (): Promise<void> => writeFile(READ_LIMITS, `${number} 0`);
    this.#endings.push(answer);
    return { path, answer };
  }

  async close(): Promise<void> {
    for (const end of this.#endings.toReversed()) await end();
    await rm(this.dir, { recursive: true });
  }
}

/** Drives, of which udev tells or nobody. */
export async function driveStage(hasUdev: boolean): Promise<DeviceStage> {
  const scratch = await Scratch.open();
  const [sysDir, devDir, events] = ['sys', 'dev', 'events'].map((name) => join(scratch.dir, name)) as [
    string,
    string,
    string,
  ];
  const monitor = join(scratch.dir, 'udevadm');
  await mkdir(sysDir);
  await mkdir(devDir);
  await writeFile(events, '');
  if (hasUdev) await writeFile(monitor, `#!/bin/sh\nexec tail -n +1 -f ${events}\n`, { mode: 0o755 });
  let count = 0;
  const tell = (action: string): Promise<void> => appendFile(events, `ACTION=${action}\n`);
  /** As the kernel counts media. */
  const stamp = async (name: string): Promise<void> => {
    count += 1;
    const next = join(scratch.dir, 'next');
    await writeFile(next, `${count}\n`);
    await rename(next, join(sysDir, name, 'diskseq'));
  };
  const show = async (name: string): Promise<void> => {
    const dir = join(scratch.dir, `shown-${name}`);
    await mkdir(dir);
    for (const [file, text] of Object.entries({ dev: `8:${count}`, size: '32768', diskseq: `${++count}` }))
      await writeFile(join(dir, file), `${text}\n`);
    await rename(dir, join(sysDir, name));
    await tell('add');
  };
  return {
    source: driveSource({ sysDir, devDir, monitor, answerTimeoutMs: ANSWER_TIMEOUT_MS }),
    hasHints: hasUdev,
    plug: async (name) => {
      await rename(await scratch.image(), join(devDir, name));
      await show(name);
      return join(devDir, name);
    },
    plugStranger: async (name) => {
      await rename(await scratch.image('photos'), join(devDir, name));
      await show(name);
    },
    unplug: async (name) => {
      await rename(join(sysDir, name), join(scratch.dir, `gone-${++count}`));
      await rm(join(devDir, name));
      await tell('remove');
    },
    exchange: async (name) => {
      await rename(await scratch.image(), join(devDir, name));
      await stamp(name);
      await tell('change');
    },
    plugSilent: async (name) => {
      const device = await scratch.silentDevice();
      if (device === undefined) return undefined;
      const path = join(devDir, name);
      await symlink(device.path, path);
      await show(name);
      return async () => {
        await device.answer();
        return path;
      };
    },
    close: () => scratch.close(),
  };
}

/** A folder in which image files and device nodes turn up. */
export async function folderStage(): Promise<DeviceStage> {
  const scratch = await Scratch.open();
  const media = join(scratch.dir, 'media');
  await mkdir(media);
  const plug = async (name: string, label?: string): Promise<string> => {
    await rename(await scratch.image(label), join(media, name));
    return join(media, name);
  };
  return {
    source: folderSource([media], ANSWER_TIMEOUT_MS),
    dir: media,
    hasHints: true,
    plug: (name) => plug(name),
    plugStranger: async (name) => void (await plug(name, 'photos')),
    unplug: (name) => rm(join(media, name)),
    exchange: async (name) => void (await plug(name)),
    plugSilent: async (name) => {
      const device = await scratch.silentDevice();
      if (device === undefined) return undefined;
      const path = join(media, name);
      await run('cp', ['--archive', device.path, path]);
      return async () => {
        await device.answer();
        return path;
      };
    },
    close: () => scratch.close(),
  };
}

/** A folder in which tree pods turn up, as on what is mounted there. */
export async function treeStage(): Promise<DeviceStage> {
  const scratch = await Scratch.open();
  const media = join(scratch.dir, 'media');
  await mkdir(media);
  let count = 0;
  const make = async (isPod: boolean): Promise<string> => {
    const dir = join(scratch.dir, `made-${++count}`);
    await mkdir(join(dir, TREE_POD_DIR), { recursive: true });
    if (isPod) await writeFile(join(dir, TREE_POD_DIR, MARKER_FILE), 'a marker');
    return dir;
  };
  const away = (name: string): Promise<void> =>
    rename(join(media, name), join(scratch.dir, `gone-${++count}`));
  const plug = async (name: string, isPod = true): Promise<string> => {
    await rename(await make(isPod), join(media, name));
    return join(media, name);
  };
  return {
    source: folderSource([media], ANSWER_TIMEOUT_MS),
    hasHints: true,
    plug: (name) => plug(name),
    plugStranger: async (name) => void (await plug(name, false)),
    unplug: away,
    exchange: async (name) => {
      const next = await make(true);
      await away(name);
      await rename(next, join(media, name));
    },
    plugSilent: async () => undefined,
    close: () => scratch.close(),
  };
}

/** A folder beside drives, as one: what is silent is a drive. */
export async function joinedStage(): Promise<DeviceStage> {
  const [folders, drives] = [await folderStage(), await driveStage(true)];
  return {
    ...folders,
    source: allSources([drives.source, folders.source], (error) => {
      throw error;
    }),
    plugSilent: drives.plugSilent,
    close: async () => {
      await drives.close();
      await folders.close();
    },
  };
}

async function isThere(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  );
}
