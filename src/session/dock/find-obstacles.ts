// What is in the way of bringing a device home now, or of home's own work: the circumstances, judged for the way to that home.
import { obstaclesNow } from '../../core/circumstances.ts';
import type { Place } from '../dashboard/places.ts';
import { usesNetwork } from './dock-device.ts';
import { type FactPlaces, findCircumstances } from './find-circumstances.ts';
import { isOnNetwork } from './network-folder.ts';

/** What is borne at a home, and where the facts are found. */
export interface ObstaclePlan extends Partial<FactPlaces> {
  readonly homeDir: string;
  /** From 0 to 1: below it nothing begins on battery. */
  readonly batteryLimit: number;
}

/**
 * In sentences; nothing if it can begin. A network that costs by the byte is in the way of what goes over it, and of nothing else.
 *
 * @param place the device that is to come home; without one it is about what home does for itself
 */
export async function findObstacles(
  { homeDir, batteryLimit, ...places }: ObstaclePlan,
  place?: Place,
): Promise<string[]> {
  const found = await findCircumstances(places);
  // a pod in use is asked for its homes only if that matters
  const goesOverNetwork =
    found.isMetered === true &&
    ((await isOnNetwork(homeDir)) || (place !== undefined && (await usesNetwork(place, homeDir))));
  return obstaclesNow(found, { usesNetwork: goesOverNetwork, batteryLimit });
}
