// Where devices are looked for: what is there is looked at again whenever something hints at a change, and from time to time.
import {
  catchError,
  defer,
  EMPTY,
  exhaustMap,
  from,
  interval,
  merge,
  mergeMap,
  type Observable,
  scan,
  startWith,
} from 'rxjs';

/** A place that looks like a device of a pod. Nothing of it is proven. */
export interface Candidate {
  /** As a command takes it. */
  readonly path: string;
  /** Changes when another device stands at the same path. */
  readonly fingerprint: string;
}

/** Lists candidates, and hints at when to list them again. A hint may be missed: then the next look finds what came. */
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
  const looks = merge(source.hints, interval(everyMs)).pipe(startWith(undefined));
  return looks.pipe(
    exhaustMap(() =>
      defer(() => from(source.list())).pipe(
        catchError((error: unknown) => {
          onFailure(error);
          return EMPTY;
        }),
      ),
    ),
    scan(
      ({ seen }, candidates) => {
        const now = new Map(candidates.map(({ path, fingerprint }) => [path, fingerprint]));
        return { seen: now as Seen, sightings: differences(seen, now) };
      },
      { seen: NOTHING, sightings: [] as readonly Sighting[] },
    ),
    mergeMap(({ sightings }) => from(sightings)),
  );
}

function differences(before: Seen, now: Seen): readonly Sighting[] {
  const went = [...before].filter(([path, fingerprint]) => now.get(path) !== fingerprint);
  const came = [...now].filter(([path, fingerprint]) => before.get(path) !== fingerprint);
  return [
    ...went.map(([path]) => ({ type: 'went', path }) as const),
    ...came.map(([path]) => ({ type: 'came', path }) as const),
  ];
}

/** Several sources as one. */
export function allSources(sources: readonly DeviceSource[]): DeviceSource {
  return {
    list: async () => {
      const found = new Map<string, Candidate>();
      for (const source of sources) for (const each of await source.list()) found.set(each.path, each);
      return [...found.values()];
    },
    hints: merge(...sources.map(({ hints }) => hints)),
  };
}
