// The place of a home that rsync reaches: what marks it as one, and how what comes to it is made durable and its owner's.
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { syncFileSystem } from '../posix/sync.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import type { HomeLayout } from './home-layout.ts';
import type { RsyncAddress } from './home-url.ts';
import { Rsync, type RsyncAccess } from './rsync.ts';

/** Only the owner may read what is at home: new folders and files are made so. */
export const PRIVATE = '--chmod=D700,F600';

/** Far more than a marker or a head ever has: a file can claim any length. rsync names what it leaves out. */
const SMALL_ONLY = ['--max-size=65536', '--info=skip1'] as const;
const NO_BYTES = new Uint8Array(0);

/** A place, and rsync between this host and it. */
export class RsyncPlace {
  readonly url: string;
  readonly address: RsyncAddress;
  readonly layout: HomeLayout;
  readonly access: RsyncAccess;
  readonly rsync: Rsync;

  constructor(url: string, address: RsyncAddress, access: RsyncAccess, layout: HomeLayout) {
    this.url = url;
    this.address = address;
    this.layout = layout;
    this.access = access;
    this.rsync = new Rsync(address, url, access);
  }

  /** The folder of a pod's repository, as this computer has it: of a home in a folder. */
  folderOf(podId: string): string {
    return join(this.address.path, this.layout.podFolder(podId));
  }

  /** The same with what is in it, as rsync is told of it. */
  podPlace(podId: string): string {
    return this.rsync.place(`${this.layout.podFolder(podId)}/`);
  }

  /** What root brings to somebody's folder is his: devices may reach it as him by ssh, and root keeps nothing from him. */
  forOwner(): string[] {
    const { kind, path } = this.address;
    const owner = kind === 'folder' ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
    if (process.geteuid?.() !== 0 || owner === undefined || owner.uid === 0) return [PRIVATE];
    return [PRIVATE, `--chown=${owner.uid}:${owner.gid}`];
  }

  /** rsync syncs files, not the folders that name them. */
  async makeDurable(podId: string): Promise<void> {
    if (this.address.kind === 'folder') await syncFileSystem(this.folderOf(podId));
  }

  /** @throws DeskPodError HOME_NOT_FOUND unless there is a home */
  async requireHome(): Promise<void> {
    await this.fetch([]);
  }

  /**
   * The bytes of small files at home, those that are there; none of one that is too long to be what it should be.
   * HOME_NOT_FOUND if the marker is not among them.
   */
  async fetch(files: readonly string[]): Promise<Map<string, Uint8Array>> {
    return withScratchFolder(async (folder) => {
      let failure: unknown;
      const found = new Map<string, Uint8Array>();
      const { marker: markerFile } = this.layout;
      try {
        const reading = this.rsync.reading('', [markerFile, ...files]);
        const said = await this.rsync.run({
          args: ['--ignore-missing-args', ...SMALL_ONLY, reading.place, `${folder}/`],
          files: reading.files,
          into: folder,
        });
        for (const [, file = ''] of said.matchAll(/^(.+) is over max-size$/gm)) found.set(file, NO_BYTES);
      } catch (error) {
        if (!isDeskPodError(error, 'HOME_NOT_FOUND')) throw error;
        failure = error; // there is nothing at all
      }
      for (const file of [markerFile, ...files]) {
        const stats = lstatSync(join(folder, file), { throwIfNoEntry: false });
        if (stats?.isFile() === true) found.set(file, readFileSync(join(folder, file)));
      }
      const marker = found.get(markerFile);
      if (marker === undefined || !this.layout.knows(marker, this.url)) throw this.noHome(failure);
      return found;
    });
  }

  /** The error for a place that is no home. */
  noHome(cause: unknown): DeskPodError {
    return new DeskPodError(
      'HOME_NOT_FOUND',
      `${this.url}: there is no home: expected the file ${this.layout.marker}`,
      {
        hint: 'mount the drive it is on, or initialise with deskpod home add',
        details: { url: this.url },
        cause,
      },
    );
  }
}
