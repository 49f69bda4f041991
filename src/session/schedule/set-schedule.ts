// Setting a schedule or a reserve of a pod, as a person asks for it.
import { DeskPodError } from '../../core/errors.ts';
import { formatBytes } from '../../core/quantities.ts';
import { RESERVE_SHARE_MAX } from '../../core/reserve.ts';
import { JITTER_MAX_MS, usualJitterMs } from '../../core/schedule.ts';
import { parseSchedule } from '../../core/schedule-words.ts';
import { findSame } from '../../core/scheduling.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { measureSpace } from '../../sync/retention/keep-reserve.ts';

/**
 * Adds a schedule to a pod, or finds the one that says the same.
 * @returns its number
 * @throws DeskPodError SCHEDULE_INVALID
 */
export async function addSchedule(pod: Pod, words: string, jitterMs: number | undefined): Promise<number> {
  const said = parseSchedule(words);
  if (jitterMs !== undefined && !(jitterMs >= 0 && jitterMs <= JITTER_MAX_MS)) {
    throw new DeskPodError('SCHEDULE_INVALID', 'the jitter is longer than half a day', {
      hint: 'Give a shorter one, such as --jitter 5m, or --jitter 0s for none.',
      details: { jitterMs },
    });
  }
  const schedule = { ...said, jitterMs: jitterMs ?? usualJitterMs(said.when) };
  const same = findSame(pod.state.scheduling, schedule);
  if (same !== undefined) return same.number;
  await pod.append({ type: 'setSchedule', schedule });
  return pod.state.scheduling.lastNumber;
}

/**
 * Sets how much of the device stays free; undefined for as much as is usual.
 * @throws DeskPodError USAGE for more than half of the device
 */
export async function setReserve(pod: Pod, reserveBytes: number | undefined): Promise<void> {
  const { totalBytes } = await measureSpace(pod);
  const mostBytes = Math.floor(totalBytes * RESERVE_SHARE_MAX);
  if (reserveBytes !== undefined && reserveBytes > mostBytes) {
    throw new DeskPodError(
      'USAGE',
      `expected a reserve of at most half of the device (${formatBytes(mostBytes)}), got ${formatBytes(reserveBytes)}`,
      {
        hint: 'Give less, or “usual” for a twentieth of it.',
        details: { reserveBytes, mostBytes },
      },
    );
  }
  await pod.append({ type: 'setReserve', reserveBytes });
}
