// Where what a home takes over comes to first: nobody else looks there, and only what was hashed gets its place from there.
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Home, PushReport, TransferOptions } from '../home/home.ts';
import { SHARED_LAYOUT } from '../home/home-layout.ts';
import { openFolderHome } from '../home/rsync-home.ts';
import { syncFileSystem } from '../posix/sync.ts';
import { makeFolder } from '../repository/durable-file.ts';
import { ARRIVING } from '../retention/home-folder.ts';
import { storageError } from '../storage-failure.ts';

/** What arrives of one pod. What an interrupted taking over left of it is gone on from. */
export class Arrivals {
  /** Objects lie below it by their paths. */
  readonly dir: string;
  readonly #podDir: string;
  readonly #podId: string;
  readonly #home: Home;

  /** @param homeDir the home, a folder of this computer */
  constructor(homeDir: string, podId: string) {
    const podFolder = (id: string): string => `${SHARED_LAYOUT.podFolder(id)}/${ARRIVING}`;
    this.#podId = podId;
    this.#podDir = join(homeDir, SHARED_LAYOUT.podFolder(podId));
    this.dir = join(homeDir, podFolder(podId));
    this.#home = openFolderHome(homeDir, homeDir, { ...SHARED_LAYOUT, podFolder });
  }

  /** Which of these objects lie there already. Nobody has hashed them. */
  async among(objects: readonly string[]): Promise<string[]> {
    if (objects.length === 0) return [];
    return [...(await this.#home.list(this.#podId, objects)).keys()];
  }

  /** Copies objects of a repository that have not arrived. @throws what {@link Home.push} throws */
  take(repositoryDir: string, objects: readonly string[], options: TransferOptions): Promise<PushReport> {
    return this.#home.push(repositoryDir, this.#podId, objects, options);
  }

  async remove(objects: readonly string[]): Promise<void> {
    await this.#home.remove(this.#podId, objects);
  }

  /** Gives objects, which the caller has hashed, their places; durably on return. @throws DeskPodError TARGET_WRITE_FAILED */
  async settle(objects: readonly string[]): Promise<void> {
    try {
      for (const object of objects) {
        const place = join(this.#podDir, object);
        await makeFolder(dirname(place), 0o700);
        await rename(join(this.dir, object), place);
      }
      await syncFileSystem(this.#podDir);
      await rm(this.dir, { recursive: true, force: true });
    } catch (error) {
      throw storageError(error, this.#podDir);
    }
  }
}
