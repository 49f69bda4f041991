// A home that rsync reaches: a folder of this host, or of another through ssh.
import { lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, readdir, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { syncFileSystem, syncFolder } from '../posix/sync.ts';
import {
  HOME_MARKER,
  type Home,
  type HomeStatus,
  type HomeVerification,
  type TransferOptions,
} from './home.ts';
import { type HomeAddress, parseHomeUrl } from './home-url.ts';
import { hashObjects } from './home-verification.ts';
import { Rsync } from './rsync.ts';

const MARKER_TEXT = 'DeskPod home 1\n';
/** Where rsync keeps what arrived of an object when it was interrupted; it goes on from there. */
const PARTIAL_FOLDER = '.partial';
/** Only the owner may read what is at home: new folders and files are made so. */
const PRIVATE = '--chmod=D700,F600';
/** What a place may hold that becomes a home: nothing, but for what every new file system has, and parts of a home. */
const FREE_PLACE: ReadonlySet<string> = new Set(['.', 'lost+found', 'pods', HOME_MARKER]);
/** An object that rsync was writing when it was killed: its name with a dot before and six characters after it. */
const LEFTOVER = /^\..+\.[A-Za-z0-9]{6}$/;

/** How a home is reached. */
export interface RsyncHomeOptions {
  /** The command that connects to an ssh home; DESKPOD_SSH, or else `ssh`, if left out. */
  readonly shell?: string;
}

/**
 * Opens the home at a URL, without looking at it yet.
 * @throws DeskPodError USAGE if the URL is none
 */
export function openRsyncHome(url: string, options: RsyncHomeOptions = {}): Home {
  return new RsyncHome(url, parseHomeUrl(url), options.shell ?? process.env.DESKPOD_SSH ?? 'ssh');
}

class RsyncHome implements Home {
  readonly url: string;
  readonly #address: HomeAddress;
  readonly #rsync: Rsync;

  constructor(url: string, address: HomeAddress, shell: string) {
    this.url = url;
    this.#address = address;
    this.#rsync = new Rsync(address, url, shell);
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
    await withTempFolder(async (folder) => {
      await mkdir(join(folder, 'pods'));
      await writeFile(join(folder, HOME_MARKER), MARKER_TEXT);
      // rsync makes at most the last folder of the path
      await this.#rsync.run({
        args: ['--dirs', '--ignore-existing', PRIVATE, `${folder}/`, this.#rsync.place('')],
        files: ['pods/', HOME_MARKER],
      });
    });
    await this.#fetch([]);
  }

  async listPods(): Promise<string[]> {
    await this.#fetch([]);
    const listing = await this.#rsync.run({ args: ['--list-only', this.#rsync.place('pods/')] });
    return [...listing.matchAll(/^d\S+ .* ([0-9a-f]{32})$/gm)].map((match) => match[1] ?? '').sort();
  }

  async head(podId: string): Promise<Uint8Array | undefined> {
    const head = `${podFolder(podId)}/head`;
    return (await this.#fetch([head])).get(head);
  }

  async push(
    repositoryDir: string,
    podId: string,
    objects: readonly string[],
    { onProgress, signal }: TransferOptions = {},
  ): Promise<void> {
    if (objects.length === 0) return;
    const totalBytes = sizeOfObjects(repositoryDir, objects);
    await this.#removeLeftovers(podId, objects);
    const [source, target] = [`${repositoryDir}/`, this.#rsync.place(`${podFolder(podId)}/`)];
    await this.#rsync.run({
      args: [
        '--ignore-existing',
        `--partial-dir=${PARTIAL_FOLDER}`,
        '--no-whole-file',
        PRIVATE,
        source,
        target,
      ],
      files: ['./', ...objects],
      step: 'sending to home',
      totalBytes,
      onProgress,
      signal,
    });
    // rsync syncs files, not the folders that name them
    if (this.#address.kind === 'folder') await syncFileSystem(join(this.#address.path, podFolder(podId)));
    // what rsync sent it has compared; what was there already may be short
    const unlike = await this.#rsync.run({
      args: ['--dry-run', '--size-only', '--out-format=%n', source, target],
      files: objects,
      signal,
    });
    const damaged = unlike.split('\n').filter((line) => line !== '' && !line.endsWith('/'));
    if (damaged.length === 0) return;
    throw new DeskPodError(
      'HOME_DAMAGED',
      `${this.url}: ${damaged[0]} has another length than on this device`,
      {
        hint: 'remove that file at home and sync again: it is sent anew',
        details: { url: this.url, objects: damaged },
      },
    );
  }

  async pull(
    podId: string,
    intoRepositoryDir: string,
    { onProgress, signal, objects }: TransferOptions & { readonly objects?: readonly string[] } = {},
  ): Promise<void> {
    await this.#rsync.run({
      args: [
        '--recursive',
        '--ignore-existing',
        `--partial-dir=${PARTIAL_FOLDER}`,
        '--no-whole-file',
        PRIVATE,
        '--exclude=/head',
        '--exclude=/tmp',
        '--exclude=.*',
        this.#rsync.place(`${podFolder(podId)}/`),
        `${intoRepositoryDir}/`,
      ],
      ...(objects === undefined ? {} : { files: objects }),
      step: 'fetching from home',
      onProgress,
      signal,
    });
  }

  async writeHead(podId: string, bytes: Uint8Array): Promise<void> {
    await withTempFolder(async (folder) => {
      await writeFile(join(folder, 'head'), bytes);
      await this.#rsync.run({
        // a head has always the same length, and may be of the same second
        args: [
          '--ignore-times',
          PRIVATE,
          join(folder, 'head'),
          this.#rsync.place(`${podFolder(podId)}/head`),
        ],
      });
    });
    if (this.#address.kind === 'folder') syncFolder(join(this.#address.path, podFolder(podId)));
  }

  async verifyObjects(podId: string, options: TransferOptions = {}): Promise<HomeVerification | undefined> {
    await this.#fetch([]);
    if (this.#address.kind !== 'folder') return undefined;
    return hashObjects(join(this.#address.path, podFolder(podId)), options);
  }

  /** A folder that is in other use does not become a home; one whose making was interrupted does. */
  async #requireFreePlace(): Promise<void> {
    let listing = '';
    try {
      listing = await this.#rsync.run({ args: ['--list-only', this.#rsync.place('')] });
    } catch (error) {
      if (!isDeskPodError(error, 'HOME_NOT_FOUND')) throw error; // nothing is there: it is made
    }
    const names = [...listing.matchAll(/^\S+ +[\d,.]+ +\S+ \S+ (.+)$/gm)].map((match) => match[1] ?? '');
    const other = names.find((name) => !FREE_PLACE.has(name));
    if (other === undefined) return;
    throw new DeskPodError(
      'TARGET_NOT_EMPTY',
      `${this.url}: expected a home, an empty folder or none, got a folder with ${other}`,
      { hint: 'Give the home a folder of its own.', details: { url: this.url, found: other } },
    );
  }

  /** The bytes of small files at home, those that are there. HOME_NOT_FOUND if the marker is not among them. */
  async #fetch(files: readonly string[]): Promise<Map<string, Uint8Array>> {
    return withTempFolder(async (folder) => {
      let failure: unknown;
      try {
        await this.#rsync.run({
          args: [this.#rsync.place(''), `${folder}/`],
          files: [HOME_MARKER, ...files],
        });
      } catch (error) {
        if (!isDeskPodError(error, 'HOME_NOT_FOUND')) throw error;
        failure = error; // one of them is not there, or there is nothing at all
      }
      const found = new Map<string, Uint8Array>();
      for (const file of [HOME_MARKER, ...files]) {
        const stats = lstatSync(join(folder, file), { throwIfNoEntry: false });
        if (stats?.isFile() === true) found.set(file, readFileSync(join(folder, file)));
      }
      this.#checkMarker(found.get(HOME_MARKER), failure);
      return found;
    });
  }

  #checkMarker(marker: Uint8Array | undefined, cause: unknown): void {
    const text = marker === undefined ? undefined : Buffer.from(marker).toString();
    if (text === MARKER_TEXT) return;
    const details = { url: this.url };
    if (text?.startsWith('DeskPod home ') === true) {
      const version = text.trim().slice('DeskPod home '.length);
      throw new DeskPodError('FORMAT_UNKNOWN', `${this.url}: expected a home of version 1, got ${version}`, {
        details,
      });
    }
    throw new DeskPodError(
      'HOME_NOT_FOUND',
      `${this.url}: there is no home: expected the file ${HOME_MARKER}`,
      {
        hint: 'mount the drive it is on, or initialise with deskpod home add',
        details,
        cause,
      },
    );
  }

  /** Takes away what a killed rsync left beside the objects that are sent now: those are the ones it did not finish. */
  async #removeLeftovers(podId: string, objects: readonly string[]): Promise<void> {
    if (this.#address.kind !== 'folder') return;
    const folders = new Set(objects.map((object) => join(podFolder(podId), object, '..')));
    for (const folder of folders) {
      const place = join(this.#address.path, folder);
      if (lstatSync(place, { throwIfNoEntry: false }) === undefined) continue;
      for (const name of await readdir(place)) if (LEFTOVER.test(name)) await unlink(join(place, name));
    }
  }
}

function podFolder(podId: string): string {
  if (!/^[0-9a-f]{32}$/.test(podId)) throw new TypeError(`expected a pod id in hexadecimal, got ${podId}`);
  return `pods/${podId}`;
}

function sizeOfObjects(repositoryDir: string, objects: readonly string[]): number {
  let totalBytes = 0;
  for (const object of objects) {
    const stats = lstatSync(join(repositoryDir, object), { throwIfNoEntry: false });
    if (stats?.isFile() !== true) {
      throw new DeskPodError('OBJECT_MISSING', `expected ${object} in ${repositoryDir}, got none`, {
        details: { object, repositoryDir },
      });
    }
    totalBytes += stats.size;
  }
  return totalBytes;
}

async function withTempFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'deskpod-home-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
