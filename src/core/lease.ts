// Leases: how long a twin that was not synced to waits before it is started without a question, and its pod gives way.
import type { HomeState } from './home-state.ts';

/** What a twin was told at a moment. */
export interface Lease {
  /** So long after `sinceMs` the pod's own device may be used; undefined if the twin always asks. */
  readonly leaseMs: number | undefined;
  readonly sinceMs: number;
  /** Of the twin; undefined as long as no sync has found one at its place. */
  readonly deviceId?: string;
  /** The log had seen a later time: who goes by this moment would not wait. */
  readonly isOfWrongClock?: true;
}

/** A shorter one would be out before anybody can plug the twin in again. */
export const LEASE_MIN_MS = 3_600_000;
/** One that is a quarter gone is begun anew by a sync: most syncs need no event for it. */
const RENEWED_AFTER = 0.25;
/** Two computers' clocks differ: the twin waits this much longer, and an hour at least. */
const MARGIN_SHARE = 0.1;
const MARGIN_MIN_MS = 3_600_000;

/** The leases that a twin may know after one more: it knows the last one for sure once it has acknowledged it. */
export function leasesAfter(known: readonly Lease[] | undefined, next: Lease): readonly Lease[] {
  return [...(known ?? []), next];
}

/**
 * Those that are left when the twin that the last one is for has acknowledged all. Another one that lay at the same place knows
 * what it was told then.
 */
export function leasesAcknowledged(known: readonly Lease[] | undefined): readonly Lease[] | undefined {
  const last = known?.at(-1);
  if (known === undefined || last === undefined) return undefined;
  const ofOthers = known.filter(({ deviceId }) => deviceId !== undefined && deviceId !== last.deviceId);
  if (ofOthers.length > 0) return [...ofOthers, last];
  return last.leaseMs === undefined ? undefined : [last];
}

/** True if a clock that says `atMs` is behind the one that said `clockMs` before, by more than clocks differ. */
export function isClockBehind(atMs: number, clockMs: number): boolean {
  return clockMs - atMs > MARGIN_MIN_MS;
}

/** The twin that may be started first without a question, and from when on the device that it follows must not run. */
export interface LeaseEnd {
  readonly url: string;
  readonly endMs: number;
}

/** When the device that has these homes gives way; undefined if no twin was told to go on without it. */
export function firstLeaseEnd(homes: readonly Pick<HomeState, 'url' | 'leases'>[]): LeaseEnd | undefined {
  let first: LeaseEnd | undefined;
  for (const { url, leases = [] } of homes) {
    for (const { leaseMs, sinceMs, isOfWrongClock } of leases) {
      if (leaseMs === undefined || isOfWrongClock === true) continue;
      if (first === undefined || sinceMs + leaseMs < first.endMs) first = { url, endMs: sinceMs + leaseMs };
    }
  }
  return first;
}

/** From when on the twin is started without a question, by its own log; undefined if it always asks. */
export function takeoverMs({ leases }: Pick<HomeState, 'leases'>): number | undefined {
  const { leaseMs, sinceMs = 0, isOfWrongClock } = leases?.at(-1) ?? {};
  if (leaseMs === undefined || isOfWrongClock === true) return undefined;
  return sinceMs + leaseMs + Math.max(MARGIN_MIN_MS, leaseMs * MARGIN_SHARE);
}

/** When and for whom a lease might begin anew. */
export interface Renewal {
  readonly nowMs: number;
  /** The latest time that the log has seen. */
  readonly clockMs: number;
  /** Of the twin that is about to be synced to; undefined if nobody knows. */
  readonly deviceId: string | undefined;
}

/** True if a sync is to begin the lease anew, or to tell this twin of it. */
export function isRenewalDue(
  { leases }: Pick<HomeState, 'leases'>,
  { nowMs, clockMs, deviceId }: Renewal,
): boolean {
  const last = leases?.at(-1);
  if (last === undefined) return false;
  if (deviceId !== undefined && last.deviceId !== deviceId) return true;
  const { leaseMs, sinceMs, isOfWrongClock } = last;
  if (leaseMs === undefined) return false;
  if (isOfWrongClock === true && !isClockBehind(nowMs, clockMs)) return true;
  // a time that lies ahead was a wrong clock's
  return nowMs - sinceMs >= leaseMs * RENEWED_AFTER || sinceMs > nowMs;
}
