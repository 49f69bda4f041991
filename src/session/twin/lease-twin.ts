// Twins that go on without a question: what they are told, and when the device that they follow gives way.
import { DeskPodError } from '../../core/errors.ts';
import { firstLeaseEnd, LEASE_MIN_MS } from '../../core/lease.ts';
import type { PodState } from '../../core/state.ts';
import { isTwinUrl } from '../../sync/home/home-url.ts';
import type { Pod } from '../../sync/pod/pod.ts';

/**
 * Notes after how long without a sync the twin at `url` is started without a question; never if it is left out. The twin
 * knows it from its next sync on; until then the device keeps to what the twin may know, too.
 *
 * @throws DeskPodError USAGE for a home that is no twin, and for less than an hour; HOME_UNKNOWN
 */
export async function leaseTwin(
  pod: Pod,
  url: string,
  leaseMs: number | undefined,
): Promise<{ readonly url: string; readonly leaseMs?: number }> {
  if (!isTwinUrl(url)) {
    throw new DeskPodError('USAGE', `expected a twin, got ${url}`, {
      hint: 'Only a twin can be started. `deskpod home list` shows which they are.',
    });
  }
  if (leaseMs !== undefined && leaseMs < LEASE_MIN_MS) {
    throw new DeskPodError('USAGE', `expected an hour or more, got ${leaseMs} ms`, {
      hint: 'This device cannot be used any more when that time is over, until it is synced to the twin.',
    });
  }
  const lease = { url, ...(leaseMs === undefined ? {} : { leaseMs }) };
  await pod.append({ type: 'leaseHome', lease });
  return lease;
}

/** What is to be known of a twin that is to be no home any more, though it knows of a lease; in sentences. */
export function warningsOfRemoval({ homes }: Pick<PodState, 'homes'>, url: string): string[] {
  const end = firstLeaseEnd(homes.filter((home) => home.url === url));
  if (end === undefined) return [];
  return [
    `If that twin is not lost, it still goes on without a question when it is started after ${new Date(end.endMs).toISOString()}, ` +
      'and this device does not give way to it any more: erase it, or start it never.',
  ];
}

/** @throws DeskPodError LEASE_ENDED if a twin may have been started in the place of the device with this log */
export function requireLease({ homes }: Pick<PodState, 'homes'>, nowMs: number): void {
  const end = firstLeaseEnd(homes);
  if (end === undefined || end.endMs > nowMs) return;
  throw new DeskPodError(
    'LEASE_ENDED',
    `the twin at ${end.url} was not synced to for so long that it may have been started in the place of this device`,
    {
      hint:
        'Plug the twin in and run `deskpod sync`: if it was not started, this device goes on. If the twin is lost, take it ' +
        `out: deskpod home remove ${end.url}. If it is not ${new Date(nowMs).toISOString()} now, set the clock of this computer.`,
      details: { ...end },
    },
  );
}
