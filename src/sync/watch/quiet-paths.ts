// From hints to work: paths that have been left alone for a while. The pipeline of events of a watch.
import {
  asyncScheduler,
  bufferTime,
  concatMap,
  debounce,
  filter,
  groupBy,
  last,
  mergeMap,
  type Observable,
  type SchedulerLike,
  timer,
} from 'rxjs';
import type { DirtyPath, DirtyPaths } from '../../core/dirty-paths.ts';
import { pathKey } from '../files/byte-path.ts';

/** How long a path must be left alone at first: longer than its times leave doubt whether it has changed again. */
const QUIET_MIN_MS = 3000;
/** Each time that a path is given on, it must be left alone twice as long the next time, up to this. */
const QUIET_MAX_MS = 5 * 60_000;
/** Paths that become quiet within this time are given on together. */
const GATHER_MS = 1000;
/** More paths than this are not waited for: they are only hints. */
const WAITING_MAX = 20_000;

/** Which paths have become quiet; whoever subscribes ends the subscription. */
export class QuietPaths {
  readonly #given = new Map<string, number>();
  readonly #scheduler: SchedulerLike;
  #waiting = 0;

  constructor(scheduler: SchedulerLike = asyncScheduler) {
    this.#scheduler = scheduler;
  }

  /** Paths out of `changed`, each when nothing has happened to it for a while, many at a time. */
  of(changed: Observable<DirtyPaths>): Observable<readonly DirtyPath[]> {
    return changed.pipe(
      concatMap((paths) => paths.inOrder()),
      filter(() => this.#waiting < WAITING_MAX),
      groupBy((dirty) => keyOf(dirty), {
        duration: (group) => {
          this.#waiting++;
          return group.pipe(debounce(() => timer(this.#quietMs(group.key), this.#scheduler)));
        },
      }),
      mergeMap((group) => group.pipe(last())),
      bufferTime(GATHER_MS, this.#scheduler),
      filter((paths) => paths.length > 0),
      concatMap((paths) => {
        for (const path of paths) this.#given.set(keyOf(path), (this.#given.get(keyOf(path)) ?? 0) + 1);
        this.#waiting -= paths.length;
        return [paths];
      }),
    );
  }

  /** Begins anew, as after a checkpoint: every path is given on soon again. */
  reset(): void {
    this.#given.clear();
  }

  #quietMs(key: string): number {
    return Math.min(QUIET_MAX_MS, QUIET_MIN_MS * 2 ** (this.#given.get(key) ?? 0));
  }
}

function keyOf({ path, isWhole }: DirtyPath): string {
  return `${isWhole ? 'whole' : 'alone'} ${pathKey(path)}`;
}
