// What a log says of a pod's homes: a fold of the events that are about them.
import type { RuntimePut } from './events.ts';
import type { HomeEvent } from './home-events.ts';
import { isClockBehind, type Lease, leasesAcknowledged, leasesAfter } from './lease.ts';

/** What is known of a home: where it is, and how far it has acknowledged. */
export interface HomeState {
  readonly url: string;
  /** Last position that this home acknowledged; 0 before the first sync. */
  readonly seq: number;
  readonly recordHash: string;
  readonly atMs: number;
  /** There if home goes on with another history, and keeps that of a device in this log as a branch. */
  readonly branch?: HomeBranch;
  /** There if home's head was found at this earlier position, and was not brought up to date since. */
  readonly revertedSeq?: number;
  /** There if home took over more by itself since it last acknowledged. */
  readonly docked?: { readonly seq: number; readonly atMs: number };
  /** There from a promotion on until home has taken this device's head. */
  readonly isClaimed?: true;
  /** What a twin carries for hosts that have nothing; absent if it carries no runtime. */
  readonly runtime?: TwinRuntime;
  /** What a twin may have been told of when it is started without a question, the last one last; absent if it always asks. */
  readonly leases?: readonly Lease[];
}

/** What a device carries for hosts that have nothing. */
export type CarriedRuntime = Omit<RuntimePut, 'type' | 'v'>;

/** The runtime of a twin. */
export interface TwinRuntime extends CarriedRuntime {
  /** Of the twin that it was put on. */
  readonly deviceId: string;
}

/** A branch at a home. */
export interface HomeBranch {
  /** What it is named by. */
  readonly deviceId: string;
  /** Last position that it has in common with home's own history. */
  readonly forkSeq: number;
}

/** The homes after one more event that is about one of them. `clockMs`: the latest time of all events before. */
export function homesAfter(
  homes: readonly HomeState[],
  event: HomeEvent,
  { atMs, clockMs }: { readonly atMs: number; readonly clockMs: number },
): readonly HomeState[] {
  const { url } = event;
  const changed = (change: (home: HomeState) => HomeState): readonly HomeState[] =>
    homes.map((home) => (home.url === url ? change(home) : home));
  switch (event.type) {
    case 'home.added':
      return [...homes, { url, seq: 0, recordHash: '', atMs: 0 }];
    case 'home.removed':
      return homes.filter((home) => home.url !== url);
    case 'home.acknowledged':
      return changed(({ branch, runtime, leases: known }) => {
        const leases = leasesAcknowledged(known);
        const acknowledged = { url, seq: event.seq, recordHash: event.recordHash, atMs };
        const kept = { ...(branch && { branch }), ...(runtime && { runtime }), ...(leases && { leases }) };
        return { ...acknowledged, ...kept };
      });
    case 'home.reverted':
      return changed((home) => ({ ...home, revertedSeq: event.seq }));
    case 'home.branched': {
      const { deviceId, forkSeq } = event;
      return changed(({ isClaimed: _, ...home }) => ({ ...home, branch: { deviceId, forkSeq } }));
    }
    case 'home.equipped': {
      const { type: _type, v: _v, url: _url, ...runtime } = event;
      return changed((home) => ({ ...home, runtime }));
    }
    case 'home.stripped':
      return changed(({ runtime: _, ...home }) => home);
    case 'home.leased': {
      const { leaseMs, deviceId } = event;
      const lease: Lease = {
        ...{ leaseMs, sinceMs: atMs },
        ...(deviceId === undefined ? {} : { deviceId }),
        ...(isClockBehind(atMs, clockMs) ? { isOfWrongClock: true } : {}),
      };
      return changed((home) => ({ ...home, leases: leasesAfter(home.leases, lease) }));
    }
    case 'home.docked':
      return changed((home) => ({ ...home, docked: { seq: event.seq, atMs: event.dockedAtMs } }));
  }
}

/** The homes once a device was promoted over those at `urls`, which have to take its head yet. */
export function homesPromoted(homes: readonly HomeState[], urls: readonly string[]): readonly HomeState[] {
  return homes.map(({ branch, ...home }) => {
    if (urls.includes(home.url)) return { ...home, isClaimed: true as const };
    return branch === undefined ? home : { ...home, branch };
  });
}
