// Which head may follow which, by what anybody can read of them: a home that holds no key keeps its head from going back.
import { equalBytes, toHex } from './bytes.ts';
import { DeskPodError } from './errors.ts';
import type { Head } from './head.ts';

/**
 * Allows `next` to replace `present`: of the same device and further on, or of a later epoch. That may begin at an earlier
 * position: a device that was restored from another home lacks what was noted of this one since, and one that was promoted
 * has a history of its own.
 *
 * @throws DeskPodError HOME_FENCED if the present head is of a later epoch; HOME_FOREIGN if it is of another device of the
 * same one, or further on
 */
export function requireForward(present: Head, next: Head): void {
  const details = { epoch: next.epoch, seq: next.seq, homeEpoch: present.epoch, homeSeq: present.seq };
  if (next.epoch < present.epoch) {
    throw new DeskPodError(
      'HOME_FENCED',
      `home belongs to a newer device of this pod: expected a head of epoch ${present.epoch} or later, got one of ${next.epoch}`,
      {
        hint: 'home stays with the newer one; sync again, and what this device has is kept as a branch',
        details,
      },
    );
  }
  if (next.epoch > present.epoch) return;
  if (!equalBytes(next.deviceId, present.deviceId)) {
    throw new DeskPodError(
      'HOME_FOREIGN',
      `home belongs to another device of epoch ${present.epoch}: expected a head of ${toHex(present.deviceId)}, got one of ${toHex(next.deviceId)}`,
      {
        hint: 'home stays with the first; sync again, and what this device has is kept as a branch',
        details,
      },
    );
  }
  if (next.seq < present.seq || (next.seq === present.seq && !isSame(present, next))) {
    throw new DeskPodError(
      'HOME_FOREIGN',
      `home's head never goes back: expected one after position ${present.seq}, got one of ${next.seq}`,
      {
        hint: 'this device went back in time, or another copy of it has synced; home keeps what it has',
        details,
      },
    );
  }
}

function isSame(one: Head, other: Head): boolean {
  return (
    one.epoch === other.epoch &&
    equalBytes(one.recordHash, other.recordHash) &&
    equalBytes(one.keyring, other.keyring)
  );
}
