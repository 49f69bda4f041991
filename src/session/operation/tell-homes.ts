// Telling the homes of a twin that it is the pod now.
import { isDeskPodError } from '../../core/errors.ts';
import { type OperateOptions, operate } from './operate.ts';

const LATER = 'Run deskpod sync later: until then it goes on with the lost device when that syncs.';

/**
 * The homes of a twin that became the pod are told at once: from then on the device that was lost is a branch there. A twin
 * that is away is told by the sync that finds it.
 *
 * @returns which could not be told, and why; and which go on with what they have, as it is more than the twin had; in
 * sentences
 */
export async function tellHomes(path: string | undefined, keys: OperateOptions): Promise<string[]> {
  keys.onProgress({ step: 'telling the homes that this device is the pod now' });
  try {
    const { homes } = await operate(path, 'sync', {}, keys);
    return homes.flatMap((home) => {
      if (!('error' in home)) return home.notices;
      const { code, message, hint } = home.error;
      if (code === 'HOME_AWAY') return [];
      const isTaken = code === 'HOME_FOREIGN' || code === 'HOME_FENCED';
      return [`${message}. ${isTaken ? (hint ?? '') : LATER}`];
    });
  } catch (error) {
    if (isDeskPodError(error, 'HOME_UNKNOWN')) return [];
    if (!isDeskPodError(error)) throw error;
    return [
      `The homes could not be told that this device is the pod now: ${error.message}. Run deskpod sync later.`,
    ];
  }
}
