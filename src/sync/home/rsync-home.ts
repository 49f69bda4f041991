// A home that rsync reaches: a folder of this host, of another through ssh, or one that an rsync daemon serves.
import { lstatSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { syncFileSystem, syncFolder } from '../posix/sync.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import type { Home, HomeStatus, HomeVerification, PushReport, TransferOptions } from './home.ts';
import { type HomeLayout, SHARED_LAYOUT } from './home-layout.ts';
import { homePassword } from './home-password.ts';
import { parseHomeUrl, type RsyncAddress } from './home-url.ts';
import { hashObjects } from './home-verification.ts';
import { lengthsOf } from './object-lengths.ts';
import {
  isLeftoverOf,
  keepAllLeftovers,
  keepLeftovers,
  PARTIAL_FOLDER,
  removeLeftoversOf,
  removeNeedlessParts,
  removeParts,
} from './partial-objects.ts';
import { hashRemotely } from './remote-hashes.ts';
import { Rsync, type RsyncAccess } from './rsync.ts';
import { LIST_OPTIONS, readListing } from './rsync-listing.ts';

/** Only the owner may read what is at home: new folders and files are made so. */
const PRIVATE = '--chmod=D700,F600';
/** With the folder itself among the files, rsync would send all files that lie right in it: the head, before its time. */
const FOLDERS_ONLY = ['--include=/*/', '--exclude=/*'] as const;
/** What lies in a repository besides its objects. */
const NO_OBJECTS = ['--exclude=/head', '--exclude=/tmp', '--exclude=.*'] as const;

/** Far more than a marker or a head ever has: a file can claim any length. rsync names what it leaves out. */
const SMALL_ONLY = ['--max-size=65536', '--info=skip1'] as const;
const NO_BYTES = new Uint8Array(0);

const NOTHING_SENT: PushReport = { sentObjects: 0, sentBytes: 0, wireBytes: 0 };

/** How a home is reached. */
export interface RsyncHomeOptions {
  /** The command that connects to an ssh home; DESKPOD_SSH, or else `ssh`, if left out. */
  readonly shell?: string;
  /** For a daemon that asks for one; what {@link homePassword} knows, if left out. */
  readonly password?: string;
  /** The most that is sent or fetched in a second; no limit if left out. */
  readonly bytesPerSecond?: number;
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
  };
  return new RsyncHome(url, address, access, SHARED_LAYOUT);
}

/** Opens the home in a folder of this host that has a layout of its own; `url` is what it is called. */
export function openFolderHome(
  path: string,
  url: string,
  layout: HomeLayout,
  { bytesPerSecond }: Pick<RsyncHomeOptions, 'bytesPerSecond'> = {},
): Home {
  const access: RsyncAccess = { shell: 'ssh', password: undefined, bytesPerSecond };
  return new RsyncHome(url, { kind: 'folder', path }, access, layout);
}

class RsyncHome implements Home {
  readonly url: string;
  readonly #address: RsyncAddress;
  readonly #layout: HomeLayout;
  readonly #shell: string;
  readonly #rsync: Rsync;

  constructor(url: string, address: RsyncAddress, access: RsyncAccess, layout: HomeLayout) {
    this.url = url;
    this.#address = address;
    this.#layout = layout;
    this.#shell = access.shell;
    this.#rsync = new Rsync(address, url, access);
  }

  async probe(): Promise<HomeStatus> {
    try {
      await this.#fetch([]);
      return { state: 'ready' };
    } catch (error) {
      if (isDeskPodError(error, 'HOME_NOT_FOUND')) return { state: 'missing', cause: error };
      if (isDeskPodError(error, 'HOME_UNREACHABLE')) return { state: 'unreachable', cause: error };
      throw error;
    }
  }

  async initialise(): Promise<void> {
    await this.#requireFreePlace();
    await withScratchFolder(async (folder) => {
      const { marker, markerBytes, podsFolder } = this.#layout;
      await mkdir(join(folder, podsFolder));
      await writeFile(join(folder, marker), markerBytes);
      // rsync makes at most the last folder of the path
      await this.#rsync.run({
        args: ['--dirs', '--ignore-existing', ...this.#forOwner(), `${folder}/`, this.#rsync.place('')],
        files: [podsFolder, marker],
      });
    });
    if (this.#address.kind === 'folder') {
      await removeLeftoversOf(this.#address.path, this.#layout.marker);
      // the pod's log is about to say that there is a home
      await syncFileSystem(this.#address.path);
    }
    await this.#fetch([]);
  }

  async listPods(): Promise<string[]> {
    await this.#fetch([]);
    const place = this.#rsync.place(this.#layout.podsFolder);
    const listing = await this.#rsync.run({ args: [...LIST_OPTIONS, place] });
    return this.#layout.podsAmong(readListing(listing)).sort();
  }

  async head(podId: string): Promise<Uint8Array | undefined> {
    const head = `${this.#layout.podFolder(podId)}/head`;
    return (await this.#fetch([head])).get(head);
  }

  async list(podId: string, objects?: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return objects === undefined ? this.#listAll(podId) : this.#listSome(podId, objects);
  }

  async #listSome(podId: string, objects: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const folder = `${this.#layout.podFolder(podId)}/`;
    const { place, files: wanted } = this.#rsync.reading('', [
      this.#layout.marker,
      ...objects.map((object) => folder + object),
    ]);
    const listing = await this.#rsync.run({
      // with a list of files rsync asks for a target, which it does not make
      args: [...LIST_OPTIONS, '--ignore-missing-args', place, '/nonexistent/'],
      files: wanted,
    });
    const files = readListing(listing).filter(({ kind }) => kind === '-');
    // what the marker says is looked at whenever a head is read
    if (!files.some(({ name }) => name === this.#layout.marker)) throw this.#noHome(undefined);
    return new Map(
      files
        .filter(({ name }) => name.startsWith(folder))
        .map(({ name, sizeBytes }) => [name.slice(folder.length), sizeBytes]),
    );
  }

  async #listAll(podId: string): Promise<ReadonlyMap<string, number>> {
    if (!(await this.listPods()).includes(podId)) return new Map();
    const listing = await this.#rsync.run({
      args: [
        ...LIST_OPTIONS,
        '--recursive',
        ...NO_OBJECTS,
        this.#rsync.place(`${this.#layout.podFolder(podId)}/`),
      ],
    });
    return new Map(
      readListing(listing)
        .filter(({ kind }) => kind === '-')
        .map(({ name, sizeBytes }) => [name, sizeBytes]),
    );
  }

  async push(
    repositoryDir: string,
    podId: string,
    objects: readonly string[],
    { onProgress, signal, isUnasked = false }: TransferOptions & { readonly isUnasked?: boolean } = {},
  ): Promise<PushReport> {
    const lengths = lengthsOf(repositoryDir, objects);
    if (objects.length === 0) return NOTHING_SENT;
    const present = isUnasked ? new Map<string, number>() : await this.list(podId, objects);
    // what rsync sends it compares; what is there already may be short
    const damaged = [...present].filter(([object, sizeBytes]) => lengths.get(object) !== sizeBytes);
    if (damaged.length > 0) throw this.#otherLength(damaged.map(([object]) => object));
    const missing = objects.filter((object) => !present.has(object));
    // On other hosts rsync keeps a part itself when its connection is cut.
    if (this.#address.kind === 'folder') {
      const place = join(this.#address.path, this.#layout.podFolder(podId));
      await keepLeftovers(place, objects, new Set(missing));
      await removeNeedlessParts(place, objects, new Set(missing));
    }
    if (missing.length === 0) return NOTHING_SENT;
    const sentBytes = missing.reduce((sum, object) => sum + (lengths.get(object) ?? 0), 0);
    const output = await this.#rsync.run({
      args: ['--ignore-existing', ...this.#sending(repositoryDir, podId)],
      files: ['./', ...missing],
      step: 'sending to home',
      totalBytes: sentBytes,
      onProgress,
      signal,
    });
    await this.#makeDurable(podId);
    const wireBytes = Number(/^Total bytes sent: (\d+)$/m.exec(output)?.[1] ?? 0);
    return { sentObjects: missing.length, sentBytes, wireBytes };
  }

  async replace(
    repositoryDir: string,
    podId: string,
    objects: readonly string[],
    { onProgress, signal }: TransferOptions = {},
  ): Promise<void> {
    const lengths = lengthsOf(repositoryDir, objects);
    if (objects.length === 0) return;
    await this.#fetch([]); // throws unless it is a home
    await this.#rsync.run({
      // a damaged object may well have the length and time of the whole one
      args: ['--ignore-times', ...this.#sending(repositoryDir, podId)],
      files: ['./', ...objects],
      step: 'replacing at home',
      totalBytes: [...lengths.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0),
      onProgress,
      signal,
    });
    await this.#makeDurable(podId);
  }

  async remove(podId: string, objects: readonly string[]): Promise<void> {
    if (objects.length === 0) return;
    await this.#fetch([]); // throws unless it is a home
    await withScratchFolder(async (folder) => {
      // what a list names and the source lacks goes at the target, and nothing else; the folders must be there
      for (const object of objects) await mkdir(join(folder, object, '..'), { recursive: true });
      await this.#rsync.run({
        args: ['--delete-missing-args', `${folder}/`, this.#rsync.place(`${this.#layout.podFolder(podId)}/`)],
        files: objects,
      });
    });
    await this.#makeDurable(podId);
  }

  #sending(repositoryDir: string, podId: string): string[] {
    return [
      `--partial-dir=${PARTIAL_FOLDER}`,
      '--no-whole-file',
      '--stats',
      '--no-human-readable',
      ...this.#forOwner(),
      ...FOLDERS_ONLY,
      `${repositoryDir}/`,
      this.#rsync.place(`${this.#layout.podFolder(podId)}/`),
    ];
  }

  /** What root brings to somebody's folder is his: devices may reach it as him by ssh, and root keeps nothing from him. */
  #forOwner(): string[] {
    const { kind, path } = this.#address;
    const owner = kind === 'folder' ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
    if (process.geteuid?.() !== 0 || owner === undefined || owner.uid === 0) return [PRIVATE];
    return [PRIVATE, `--chown=${owner.uid}:${owner.gid}`];
  }

  /** rsync syncs files, not the folders that name them. */
  async #makeDurable(podId: string): Promise<void> {
    if (this.#address.kind === 'folder')
      await syncFileSystem(join(this.#address.path, this.#layout.podFolder(podId)));
  }

  #otherLength(damaged: readonly string[]): DeskPodError {
    return new DeskPodError(
      'HOME_DAMAGED',
      `${this.url}: ${damaged[0]} has another length than on this device`,
      {
        hint: `\`deskpod verify -d POD --home ${this.url}\` sends it anew. Where devices can only add, home's owner removes that file first.`,
        details: { url: this.url, objects: damaged },
      },
    );
  }

  async pull(
    podId: string,
    intoRepositoryDir: string,
    { onProgress, signal, objects }: TransferOptions & { readonly objects?: readonly string[] } = {},
  ): Promise<void> {
    const folder = `${this.#layout.podFolder(podId)}/`;
    // on this side nobody else does: an rsync that is killed leaves what it was writing
    await keepAllLeftovers(intoRepositoryDir);
    const from =
      objects === undefined ? { place: this.#rsync.place(folder) } : this.#rsync.reading(folder, objects);
    await this.#rsync.run({
      args: [
        '--recursive',
        '--ignore-existing',
        `--partial-dir=${PARTIAL_FOLDER}`,
        '--no-whole-file',
        PRIVATE,
        ...NO_OBJECTS,
        from.place,
        `${intoRepositoryDir}/`,
      ],
      ...('files' in from ? { files: from.files } : {}),
      into: intoRepositoryDir,
      step: 'fetching from home',
      onProgress,
      signal,
    });
    await removeParts(intoRepositoryDir);
  }

  async writeHead(podId: string, bytes: Uint8Array): Promise<void> {
    await withScratchFolder(async (folder) => {
      await writeFile(join(folder, 'head'), bytes);
      await this.#rsync.run({
        // a head has always the same length, and may be of the same second
        args: [
          '--ignore-times',
          ...this.#forOwner(),
          join(folder, 'head'),
          this.#rsync.place(`${this.#layout.podFolder(podId)}/head`),
        ],
      });
    });
    if (this.#address.kind === 'folder') {
      const folder = join(this.#address.path, this.#layout.podFolder(podId));
      await removeLeftoversOf(folder, 'head');
      syncFolder(folder);
    }
  }

  async verifyObjects(
    podId: string,
    options: TransferOptions & { readonly present?: ReadonlyMap<string, number> } = {},
  ): Promise<HomeVerification | undefined> {
    if (options.present === undefined) await this.#fetch([]);
    const { kind, path } = this.#address;
    const folder = join(path, this.#layout.podFolder(podId));
    if (kind === 'folder') return hashObjects(folder, options);
    if (kind === 'daemon') return undefined;
    const { destination, port } = this.#address;
    const place = { shell: this.#shell, destination, port, path: folder, url: this.url };
    return hashRemotely(place, options.present ?? (await this.list(podId)), options);
  }

  /** A folder that is in other use does not become a home; one whose making was interrupted does. */
  async #requireFreePlace(): Promise<void> {
    let listing = '';
    try {
      listing = await this.#rsync.run({ args: [...LIST_OPTIONS, this.#rsync.place('')] });
    } catch (error) {
      if (!isDeskPodError(error, 'HOME_NOT_FOUND')) throw error; // nothing is there: it is made
    }
    const { marker, podsFolder, bystanders } = this.#layout;
    const free = new Set(['.', marker, podsFolder.slice(0, -1), ...bystanders]);
    const other = readListing(listing)
      .map(({ name }) => name)
      .find((name) => !free.has(name) && !isLeftoverOf(marker, name));
    if (other === undefined) return;
    throw new DeskPodError(
      'TARGET_NOT_EMPTY',
      `${this.url}: expected a home, an empty folder or none, got a folder with ${other}`,
      { hint: 'Give the home a folder of its own.', details: { url: this.url, found: other } },
    );
  }

  /**
   * The bytes of small files at home, those that are there; none of one that is too long to be what it should be.
   * HOME_NOT_FOUND if the marker is not among them.
   */
  async #fetch(files: readonly string[]): Promise<Map<string, Uint8Array>> {
    return withScratchFolder(async (folder) => {
      let failure: unknown;
      const found = new Map<string, Uint8Array>();
      try {
        const reading = this.#rsync.reading('', [this.#layout.marker, ...files]);
        const said = await this.#rsync.run({
          args: ['--ignore-missing-args', ...SMALL_ONLY, reading.place, `${folder}/`],
          files: reading.files,
          into: folder,
        });
        for (const [, file = ''] of said.matchAll(/^(.+) is over max-size$/gm)) found.set(file, NO_BYTES);
      } catch (error) {
        if (!isDeskPodError(error, 'HOME_NOT_FOUND')) throw error;
        failure = error; // there is nothing at all
      }
      for (const file of [this.#layout.marker, ...files]) {
        const stats = lstatSync(join(folder, file), { throwIfNoEntry: false });
        if (stats?.isFile() === true) found.set(file, readFileSync(join(folder, file)));
      }
      const marker = found.get(this.#layout.marker);
      if (marker === undefined || !this.#layout.knows(marker, this.url)) throw this.#noHome(failure);
      return found;
    });
  }

  #noHome(cause: unknown): DeskPodError {
    return new DeskPodError(
      'HOME_NOT_FOUND',
      `${this.url}: there is no home: expected the file ${this.#layout.marker}`,
      {
        hint: 'mount the drive it is on, or initialise with deskpod home add',
        details: { url: this.url },
        cause,
      },
    );
  }
}
