// Leases: how long a twin that was not synced to waits before it is started without a question, and its pod gives way.
import type { HomeState } from './home-state.ts';

/** What a twin was told at a moment. */
export interface Lease {
  /** So long after `sinceMs` the pod's own device may be used; undefined if the twin always asks. */
  readonly leaseMs: number | undefined;
  readonly sinceMs: number;
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

/** Those that are left when the twin has acknowledged all. */
export function leasesAcknowledged(known: readonly Lease[] | undefined): readonly Lease[] | undefined {
  const last = known?.at(-1);
  return last?.leaseMs === undefined ? undefined : [last];
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
    for (const { leaseMs, sinceMs } of leases) {
      if (leaseMs === undefined) continue;
      if (first === undefined || sinceMs + leaseMs < first.endMs) first = { url, endMs: sinceMs + leaseMs };
    }
  }
  return first;
}

/** From when on the twin is started without a question, by its own log; undefined if it always asks. */
export function takeoverMs({ leases }: Pick<HomeState, 'leases'>): number | undefined {
  const { leaseMs, sinceMs = 0 } = leases?.at(-1) ?? {};
  if (leaseMs === undefined) return undefined;
  return sinceMs + leaseMs + Math.max(MARGIN_MIN_MS, leaseMs * MARGIN_SHARE);
}

/** The lease to begin anew with a sync at `nowMs`; undefined if that is not due. */
export function leaseToRenew({ leases }: Pick<HomeState, 'leases'>, nowMs: number): number | undefined {
  const { leaseMs, sinceMs = 0 } = leases?.at(-1) ?? {};
  if (leaseMs === undefined) return undefined;
  // a time that lies ahead was a wrong clock's
  const isDue = nowMs - sinceMs >= leaseMs * RENEWED_AFTER || sinceMs > nowMs;
  return isDue ? leaseMs : undefined;
}
