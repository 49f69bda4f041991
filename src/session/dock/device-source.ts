// Where devices are looked for: what is there is looked at again whenever something hints at a change, and from time to time.
import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  finalize,
  from,
  interval,
  merge,
  mergeMap,
  type Observable,
  Subject,
  scan,
  startWith,
  throttle,
} from 'rxjs';

/** A place that looks like a device of a pod. Nothing of it is proven. */
export interface Candidate {
  /** As a command takes it. */
  readonly path: string;
  /** Changes when another device stands at the same path. */
  readonly fingerprint: string;
}

/**
 * Lists candidates, and hints at when to list them again. A hint may be missed: then the next look finds what came. What gives
 * no answer keeps nobody from the others: it is as it was, until it does.
 */
export interface DeviceSource {
  list(): Promise<readonly Candidate[]>;
  readonly hints: Observable<unknown>;
}

/** A device came, or went. */
export interface Sighting {
  readonly type: 'came' | 'went';
  readonly path: string;
}

type Seen = ReadonlyMap<string, string>;
const NOTHING: Seen = new Map();

/**
 * What comes and goes, beginning with what is there. A source that fails is told of, and asked again the next time.
 *
 * @param everyMs how long a device may go unseen if no hint comes
 */
export function watchDevices(
  source: DeviceSource,
  everyMs: number,
  onFailure: (error: unknown) => void,
): Observable<Sighting> {
  return defer(() => {
    const looked = new Subject<void>();
    const look = (): Observable<readonly Candidate[]> =>
      defer(() => from(source.list())).pipe(
        catchError((error: unknown) => {
          onFailure(error);
          return EMPTY;
        }),
        finalize(() => looked.next()),
      );
    return merge(source.hints, interval(everyMs)).pipe(
      startWith(undefined),
      // one look at a time, and one more for all hints that came during it: it may have passed by what they are about
      throttle(() => looked, { leading: true, trailing: true }),
      concatMap(look),
      scan(
        ({ seen }, candidates) => {
          const now = new Map(candidates.map(({ path, fingerprint }) => [path, fingerprint]));
          return { seen: now as Seen, sightings: differences(seen, now) };
        },
        { seen: NOTHING, sightings: [] as readonly Sighting[] },
      ),
      mergeMap(({ sightings }) => from(sightings)),
    );
  });
}

function differences(before: Seen, now: Seen): readonly Sighting[] {
  const went = [...before].filter(([path, fingerprint]) => now.get(path) !== fingerprint);
  const came = [...now].filter(([path, fingerprint]) => before.get(path) !== fingerprint);
  return [
    ...went.map(([path]) => ({ type: 'went', path }) as const),
    ...came.map(([path]) => ({ type: 'came', path }) as const),
  ];
}

/** Several sources as one. What one that fails had found last stays; it is told of, and the others are listed all the same. */
export function allSources(
  sources: readonly DeviceSource[],
  onFailure: (error: unknown) => void,
): DeviceSource {
  const found = new Map<DeviceSource, readonly Candidate[]>();
  return {
    list: async () => {
      const asked = sources.map(async (source) => {
        try {
          found.set(source, await source.list());
        } catch (error) {
          onFailure(error);
        }
      });
      await Promise.all(asked);
      const candidates = sources.flatMap((source) => found.get(source) ?? []);
      return [...new Map(candidates.map((each) => [each.path, each])).values()];
    },
    hints: merge(...sources.map(({ hints }) => hints)),
  };
}
