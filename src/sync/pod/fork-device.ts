// A copy of a device that goes its own way: it gets a name of its own, and home keeps its history as a branch.
import type { DeviceForked } from '../../core/events.ts';
import { newDeviceId } from './create-pod.ts';
import { renewMarker } from './marker-file.ts';
import type { Pod } from './pod.ts';

/**
 * Gives the device a new id, in the log first and then in its marker; its history stays its own.
 *
 * @returns the new id, in hexadecimal
 * @throws DeskPodError SPACE_EXHAUSTED
 */
export async function forkDevice(pod: Pod, cause: DeviceForked['cause']): Promise<string> {
  const deviceId = newDeviceId();
  await pod.append({ type: 'forkDevice', fork: { deviceId, cause } });
  await pod.publish();
  await renewMarker(pod);
  return deviceId;
}
