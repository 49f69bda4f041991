// All that this computer knows of pods and homes, kept up to date while somebody looks.
import { isDeepStrictEqual } from 'node:util';
import type { LoggedEvent } from '../../core/events.ts';
import type { WorkNews } from '../supervisor/works.ts';
import { examineTier, type TierReport } from '../tier/examine-tier.ts';
import type { HomeOverview, Overview, PodOverview } from './contract.ts';
import { HeldKeys } from './held-keys.ts';
import { lookAtHomes } from './homes-here.ts';
import { hostName, isNoPod, Places } from './places.ts';
import { WatchedPod } from './watched-pod.ts';

/** Homes are walked through: that is done seldom, and when a work ended that may have changed them. */
const HOMES_EVERY_MS = 60_000;
/** After this change of free space it is told again. */
const SPACE_STEP_BYTES = 2 ** 20;

/** What an overview tells whoever shows it. */
export interface OverviewNews {
  onOverview(overview: Overview): void;
  onEvents(pod: string, events: readonly LoggedEvent[]): void;
  onWork(pod: string, run: number, work: WorkNews): void;
  onSupervisorEnd(pod: string, run: number): void;
  /** What is wrong with a place that was looked at; it hinders nothing else. */
  onFault(path: string, error: unknown): void;
}

/** What is looked at, besides what is found by itself. */
export interface OverviewPlan {
  readonly paths: readonly string[];
  readonly homes: readonly string[];
  /** How long a passphrase is held without being used. */
  readonly idleMs: number;
}

/** Keeps the overview. */
export class Overviews {
  readonly keys: HeldKeys;
  readonly #plan: OverviewPlan;
  readonly #news: OverviewNews;
  readonly #places: Places;
  readonly #pods = new Map<string, WatchedPod>();
  #barrier: TierReport | undefined;
  #homes: readonly HomeOverview[] = [];
  #homesAtMs = Number.NEGATIVE_INFINITY;
  #current: Overview;
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #isClosed = false;

  constructor(plan: OverviewPlan, news: OverviewNews) {
    this.#plan = plan;
    this.#news = news;
    this.#places = new Places(plan.paths);
    this.keys = new HeldKeys(plan.idleMs, (id) => this.#lock(id));
    this.#current = this.#describe(0);
  }

  /** As it was when it was last looked. */
  get current(): Overview {
    return this.#current;
  }

  /** The pod at a place; undefined if none was ever seen there. */
  pod(id: string): WatchedPod | undefined {
    return this.#pods.get(id);
  }

  /**
   * Looks at all places, and at all homes if that is due. Those who ask while one is under way share the next one, which sees
   * what they know of. A thorough one takes nothing for known.
   */
  look(options: { readonly isThorough?: boolean } = {}): Promise<void> {
    if (options.isThorough === true) {
      this.#homesAtMs = Number.NEGATIVE_INFINITY;
      this.#places.forget();
    }
    if (this.#looking === undefined) return this.#begin();
    this.#next ??= this.#looking
      .catch(() => undefined) // whoever asked for that one is told
      .then(() => this.#begin());
    return this.#next;
  }

  #lookAgain(): void {
    if (this.#isClosed) return;
    this.look().catch((error: unknown) => this.#news.onFault('this computer', error));
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Homes may have changed: the next look goes through them. */
  expectHomesToDiffer(): void {
    this.#homesAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Forgets all passphrases, and follows nothing any more; settles when no pod is open here. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#pods.values()].map((pod) => pod.close()));
    this.keys.forgetAll();
    await this.#looking?.catch(() => undefined); // whoever asked for it is told
  }

  async #look(): Promise<void> {
    const found = await this.#places.list(({ path, error }) => {
      if (!isNoPod(error)) this.#news.onFault(path, error);
    });
    if (this.#isClosed) return;
    for (const place of found.values()) {
      if (!this.#pods.has(place.id)) this.#pods.set(place.id, this.#watch(place));
    }
    const refresh = async ([id, pod]: [string, WatchedPod]): Promise<void> => {
      try {
        await pod.refresh(found.get(id));
      } catch (error) {
        this.#news.onFault(pod.place.path, error);
      }
    };
    await Promise.all([...this.#pods].map(refresh));
    await this.#lookAtHomes();
    this.#barrier = await examineTier();
    this.#tell();
  }

  async #lookAtHomes(): Promise<void> {
    const named = [...this.#pods.values()].flatMap(({ homeUrls }) => homeUrls);
    const urls = new Set([...this.#plan.homes, ...named]);
    const isOther = urls.size !== this.#homes.length || this.#homes.some(({ url }) => !urls.has(url));
    if (!isOther && performance.now() - this.#homesAtMs < HOMES_EVERY_MS) return;
    this.#homesAtMs = performance.now();
    this.#homes = await lookAtHomes(urls);
  }

  #watch(place: WatchedPod['place']): WatchedPod {
    const { id } = place;
    return new WatchedPod(place, this.keys, {
      onChange: () => this.#tell(),
      onEvents: (events) => this.#news.onEvents(id, events),
      onWork: (run, work) => {
        if (work.state !== 'running') this.expectHomesToDiffer();
        this.#news.onWork(id, run, work);
      },
      onSupervisorEnd: (run) => {
        this.#news.onSupervisorEnd(id, run);
        this.#lookAgain();
      },
    });
  }

  /** What still has the pod open, as a download that nobody takes, ends: it was not used for long enough. */
  #lock(id: string): void {
    const pod = this.#pods.get(id);
    pod?.lock().catch((error: unknown) => this.#news.onFault(pod.place.path, error));
  }

  /** Tells of the overview if something in it has changed. */
  #tell(): void {
    if (this.#isClosed) return;
    const next = this.#describe(this.#current.revision + 1);
    if (isDeepStrictEqual(essenceOf(next), essenceOf(this.#current))) {
      this.#current = { ...next, revision: this.#current.revision };
      return;
    }
    this.#current = next;
    this.#news.onOverview(next);
  }

  #describe(revision: number): Overview {
    const atMs = Date.now();
    const pods = [...this.#pods.values()].map((pod) => pod.describe(atMs, this.#homes));
    return {
      ...{ revision, atMs, host: hostName(), isRoot: process.geteuid?.() === 0 },
      ...{ barrier: this.#barrier, homes: this.#homes },
      pods: pods.filter(unlessBack).sort(byName),
    };
  }
}

/** A drive that is plugged in again is another place to this computer: what it was before is not shown as away any more. */
function unlessBack(pod: PodOverview, _index: number, all: readonly PodOverview[]): boolean {
  if (pod.access !== 'away') return true;
  return !all.some(
    ({ access, podId, isTwin, place }) =>
      access !== 'away' && podId === pod.podId && isTwin === pod.isTwin && place.kind === pod.place.kind,
  );
}

/** What makes two overviews the same: not when they were made, and not each kilobyte of free space. */
function essenceOf({ pods, homes, barrier }: Overview): unknown {
  return {
    barrier,
    homes: homes.map(({ space, ...home }) => ({ ...home, space: roughly(space?.freeBytes) })),
    pods: pods.map(({ place, known, lockAtMs: _, ...pod }) => ({
      ...pod,
      place: { ...place, space: roughly(place.space?.freeBytes) },
      known: known === undefined ? undefined : { ...known, atMs: 0 },
    })),
  };
}

function roughly(freeBytes: number | undefined): number | undefined {
  return freeBytes === undefined ? undefined : Math.round(freeBytes / SPACE_STEP_BYTES);
}

function byName(a: PodOverview, b: PodOverview): number {
  const [first, second] = [a, b].map(({ known }) => (known?.isRunning === true ? 0 : 1)) as [number, number];
  return first - second || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1);
}
