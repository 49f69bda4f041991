// Whether what lies on a device continues what home has, told by the names of segments alone: home cannot read the log.
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { Head } from '../../core/head.ts';
import type { Home } from '../home/home.ts';
import type { Repository } from '../repository/repository.ts';

/** Why a home does not take a device over by itself. */
export type RefusalReason =
  | 'stranger'
  | 'twin'
  | 'not-allowed'
  | 'first-sync'
  | 'another-pod'
  | 'older-device'
  | 'behind'
  | 'another-history';

/** The error of a device that home leaves alone. */
export function refused(
  reason: RefusalReason,
  message: string,
  hint?: string,
  cause?: unknown,
): DeskPodError {
  return new DeskPodError('DOCK_REFUSED', message, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
    details: { reason },
  });
}

const OWNERS_CHOICE = 'Nothing was changed. `deskpod sync` by its owner keeps it at home as a branch.';

/**
 * Segments are named by the hash of their bytes, begin where the one before ended, and end with the head that was published
 * then. So a device continues what home has exactly if home has every segment of it that begins up to home's head, and another
 * begins right after that.
 *
 * @throws DeskPodError DOCK_REFUSED
 */
export async function requireContinuation(
  repository: Repository,
  home: Home,
  podId: string,
  heads: { readonly device: Head; readonly home: Head },
): Promise<void> {
  const { device, home: former } = heads;
  if (device.epoch < former.epoch) {
    throw refused(
      'older-device',
      `${home.url} goes on with a newer device of pod ${podId} (epoch ${former.epoch}, this one is of epoch ${device.epoch})`,
      OWNERS_CHOICE,
    );
  }
  if (device.seq <= former.seq) {
    throw refused(
      'behind',
      `${home.url} has more of pod ${podId} than this device (position ${former.seq}, the device is at ${device.seq})`,
      `The device ${toHex(device.deviceId).slice(0, 8)} went back in time, or is a copy. ${OWNERS_CHOICE}`,
    );
  }
  const names = await repository.listObjects('segments');
  const shared = names.filter((name) => firstSeqOf(name) <= former.seq).map((name) => `segments/${name}.age`);
  const there = await home.list(podId, shared);
  const isContinued = names.some((name) => firstSeqOf(name) === former.seq + 1);
  if (isContinued && shared.every((path) => there.has(path))) return;
  throw refused(
    'another-history',
    `this device and ${home.url} have gone different ways with pod ${podId}`,
    `Another copy of the device may have come home before. ${OWNERS_CHOICE}`,
  );
}

function firstSeqOf(name: string): number {
  return Number(name.slice(0, 12));
}
