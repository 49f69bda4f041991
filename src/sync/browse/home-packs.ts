// The packs of a pod at home, brought here as they turn out to be needed.
import { rmdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { orderPacks, type PackCandidate } from '../../core/pack-search.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Home } from '../home/home.ts';
import type { Repository } from '../repository/repository.ts';

/** So many packs are fetched at once at most: each call costs a connection, each pack too many its bytes. */
const BATCH_MAX = 32;

/** Where packs come from and go to. */
export interface PackFetchPlan {
  readonly home: Home;
  readonly podId: string;
  readonly repository: Repository;
  /** Each pack in force, with its position in the log. */
  readonly packs: ReadonlyMap<string, number>;
  readonly onProgress: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What was fetched so far. */
export interface FetchedPacks {
  readonly packs: number;
  readonly bytes: number;
}

/** Fetches packs in the order in which they are likely to hold what is missing. */
export class HomePacks {
  readonly #plan: PackFetchPlan;
  readonly #waiting: Map<string, PackCandidate>;
  /** Packs in force that home does not have, as paths. */
  readonly missing: readonly string[];
  #batch = 1;
  #packs = 0;
  #bytes = 0;

  private constructor(plan: PackFetchPlan, candidates: readonly PackCandidate[], missing: readonly string[]) {
    this.#plan = plan;
    this.#waiting = new Map(candidates.map((candidate) => [candidate.name, candidate]));
    this.missing = missing;
  }

  /** Asks home which packs it has, and how long they are. @throws DeskPodError HOME_* */
  static async open(plan: PackFetchPlan): Promise<HomePacks> {
    const names = [...plan.packs.keys()];
    const paths = names.map((name) => pathOf(plan.repository, name));
    const sizes = await plan.home.list(plan.podId, paths);
    const candidates: PackCandidate[] = [];
    const missing: string[] = [];
    for (const [i, name] of names.entries()) {
      const path = paths[i] ?? '';
      const sizeBytes = sizes.get(path);
      if (sizeBytes === undefined) missing.push(path);
      else candidates.push({ name, seq: plan.packs.get(name) ?? 0, sizeBytes });
    }
    return new HomePacks(plan, candidates, missing);
  }

  get fetched(): FetchedPacks {
    return { packs: this.#packs, bytes: this.#bytes };
  }

  /**
   * Fetches the next packs, those around `places` of the log first; more of them each time. False if home has no more.
   * @throws DeskPodError HOME_*, SPACE_EXHAUSTED
   */
  async fetchMore(places: Iterable<number>): Promise<boolean> {
    const { home, podId, repository, onProgress, signal } = this.#plan;
    const next = orderPacks(this.#waiting.values(), places).slice(0, this.#batch);
    if (next.length === 0) return false;
    this.#batch = Math.min(BATCH_MAX, this.#batch * 2);
    await home.pull(podId, repository.dir, {
      objects: next.map(({ name }) => pathOf(repository, name)),
      sizes: new Map(next.map(({ name, sizeBytes }) => [pathOf(repository, name), sizeBytes])),
      onProgress: (progress) => onProgress({ ...progress, step: `fetching from ${home.url}` }),
      ...(signal === undefined ? {} : { signal }),
    });
    for (const { name, sizeBytes } of next) {
      this.#waiting.delete(name);
      this.#packs++;
      this.#bytes += sizeBytes;
    }
    return true;
  }

  /** What was looked for has been found: the next search begins with one pack again. */
  settle(): void {
    this.#batch = 1;
  }
}

/** The packs of a home in a folder are read where they lie: those of the repository in `dir` are the ones in `podDir`. */
export async function lookInto(dir: string, podDir: string): Promise<void> {
  await rmdir(join(dir, 'packs'));
  await symlink(join(podDir, 'packs'), join(dir, 'packs'));
}

function pathOf(repository: Repository, name: string): string {
  return repository.objectPath('packs', name).slice(repository.dir.length + 1);
}
