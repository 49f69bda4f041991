// A home that rsync reaches: a folder of this host, of another through ssh, or one that an rsync daemon serves.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { syncFileSystem, syncFolder } from '../posix/sync.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import type {
  Home,
  HomeStatus,
  HomeVerification,
  PullOptions,
  PushOptions,
  PushReport,
  TransferOptions,
} from './home.ts';
import { type HomeLayout, SHARED_LAYOUT } from './home-layout.ts';
import { homePassword } from './home-password.ts';
import { parseHomeUrl } from './home-url.ts';
import { hashObjects } from './home-verification.ts';
import { removeLeftoversOf } from './partial-objects.ts';
import { hashRemotely } from './remote-hashes.ts';
import type { RsyncAccess } from './rsync.ts';
import { listAll, listPods, listSome, requireFreePlace } from './rsync-lists.ts';
import { RsyncPlace } from './rsync-place.ts';
import { pull, push, remove, replace } from './rsync-transfers.ts';

/** How a home is reached. */
export interface RsyncHomeOptions {
  /** The command that connects to an ssh home; DESKPOD_SSH, or else `ssh`, if left out. */
  readonly shell?: string;
  /** For a daemon that asks for one; what {@link homePassword} knows, if left out. */
  readonly password?: string;
  /** The most that is sent or fetched in a second; no limit if left out. */
  readonly bytesPerSecond?: number;
  /** How many transfers go side by side; as many as fit if left out. */
  readonly streams?: number;
}

/**
 * Opens the home at a URL, without looking at it yet.
 * @throws DeskPodError USAGE if the URL is none, or that of a twin
 */
export function openRsyncHome(url: string, options: RsyncHomeOptions = {}): Home {
  const address = parseHomeUrl(url);
  if (address.kind === 'twin') {
    throw new DeskPodError('USAGE', `${url} is a twin, got where only other homes are expected`, {
      hint: `A twin is a device: look into it with \`-d ${address.path}\`, or start it if the device it follows is lost.`,
    });
  }
  const access: RsyncAccess = {
    shell: options.shell ?? process.env.DESKPOD_SSH ?? 'ssh',
    password: options.password ?? (address.kind === 'daemon' ? homePassword(url) : undefined),
    bytesPerSecond: options.bytesPerSecond,
    streams: options.streams,
  };
  return new RsyncHome(new RsyncPlace(url, address, access, SHARED_LAYOUT));
}

/** Opens the home in a folder of this host that has a layout of its own; `url` is what it is called. */
export function openFolderHome(
  path: string,
  url: string,
  layout: HomeLayout,
  { bytesPerSecond, streams }: Pick<RsyncHomeOptions, 'bytesPerSecond' | 'streams'> = {},
): Home {
  const access: RsyncAccess = { shell: 'ssh', password: undefined, bytesPerSecond, streams };
  return new RsyncHome(new RsyncPlace(url, { kind: 'folder', path }, access, layout));
}

class RsyncHome implements Home {
  readonly #place: RsyncPlace;

  constructor(place: RsyncPlace) {
    this.#place = place;
  }

  get url(): string {
    return this.#place.url;
  }

  async probe(): Promise<HomeStatus> {
    try {
      await this.#place.requireHome();
      return { state: 'ready' };
    } catch (error) {
      if (isDeskPodError(error, 'HOME_NOT_FOUND')) return { state: 'missing', cause: error };
      if (isDeskPodError(error, 'HOME_UNREACHABLE')) return { state: 'unreachable', cause: error };
      throw error;
    }
  }

  async initialise(): Promise<void> {
    await requireFreePlace(this.#place);
    const { address, layout, rsync } = this.#place;
    await withScratchFolder(async (folder) => {
      const { marker, markerBytes, podsFolder } = layout;
      await mkdir(join(folder, podsFolder));
      await writeFile(join(folder, marker), markerBytes);
      // rsync makes at most the last folder of the path
      await rsync.run({
        args: ['--dirs', '--ignore-existing', ...this.#place.forOwner(), `${folder}/`, rsync.place('')],
        files: [podsFolder, marker],
      });
    });
    if (address.kind === 'folder') {
      await removeLeftoversOf(address.path, layout.marker);
      // the pod's log is about to say that there is a home
      await syncFileSystem(address.path);
    }
    await this.#place.requireHome();
  }

  listPods(): Promise<string[]> {
    return listPods(this.#place);
  }

  async head(podId: string): Promise<Uint8Array | undefined> {
    const head = `${this.#place.layout.podFolder(podId)}/head`;
    return (await this.#place.fetch([head])).get(head);
  }

  list(podId: string, objects?: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return objects === undefined ? listAll(this.#place, podId) : listSome(this.#place, podId, objects);
  }

  push(
    repositoryDir: string,
    podId: string,
    objects: readonly string[],
    options?: PushOptions,
  ): Promise<PushReport> {
    return push(this.#place, repositoryDir, podId, objects, options);
  }

  replace(
    repositoryDir: string,
    podId: string,
    objects: readonly string[],
    options?: TransferOptions,
  ): Promise<void> {
    return replace(this.#place, repositoryDir, podId, objects, options);
  }

  remove(podId: string, objects: readonly string[]): Promise<void> {
    return remove(this.#place, podId, objects);
  }

  pull(podId: string, intoRepositoryDir: string, options?: PullOptions): Promise<void> {
    return pull(this.#place, podId, intoRepositoryDir, options);
  }

  async writeHead(podId: string, bytes: Uint8Array): Promise<void> {
    const { address, layout, rsync } = this.#place;
    await withScratchFolder(async (folder) => {
      await writeFile(join(folder, 'head'), bytes);
      await rsync.run({
        // a head has always the same length, and may be of the same second
        args: [
          '--ignore-times',
          ...this.#place.forOwner(),
          join(folder, 'head'),
          rsync.place(`${layout.podFolder(podId)}/head`),
        ],
      });
    });
    if (address.kind === 'folder') {
      const folder = this.#place.folderOf(podId);
      await removeLeftoversOf(folder, 'head');
      syncFolder(folder);
    }
  }

  async verifyObjects(
    podId: string,
    options: TransferOptions & { readonly present?: ReadonlyMap<string, number> } = {},
  ): Promise<HomeVerification | undefined> {
    if (options.present === undefined) await this.#place.requireHome();
    const { address, access, url } = this.#place;
    const folder = this.#place.folderOf(podId);
    if (address.kind === 'folder') return hashObjects(folder, options);
    if (address.kind === 'daemon') return undefined;
    const { destination, port } = address;
    const place = { shell: access.shell, destination, port, path: folder, url };
    return hashRemotely(place, options.present ?? (await this.list(podId)), options);
  }
}
