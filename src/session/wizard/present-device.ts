// A device that already is the pod which is to be restored: whoever chose it need not lose it, or fetch anything twice.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { describeNewDevice, type NewDevice } from '../../sync/pod/new-device.ts';
import { identifyDevice } from '../dock/identify-device.ts';
import { withPodAtRest } from './pod-at-rest.ts';

/** Whether the device at `path` says that it is this pod. Nothing of that is proven. @throws the system's errors */
export async function saysItIs(path: string, podId: string): Promise<boolean> {
  try {
    return (await identifyDevice(path)).marker.podId === podId;
  } catch (error) {
    // a twin, another's, or nothing that is recognized
    if (isDeskPodError(error)) return false;
    throw error;
  }
}

/**
 * What is on it, opened with a key.
 * @throws what {@link withPodAtRest} throws; DeskPodError CHECKPOINT_NOT_FOUND if nothing was ever saved on it
 */
export function lookAtPresent(path: string, credential: Credential): Promise<NewDevice> {
  return withPodAtRest(path, credential, async (pod) => {
    const checkpoint = pod.state.checkpoints.at(-1);
    if (checkpoint === undefined) {
      throw new DeskPodError('CHECKPOINT_NOT_FOUND', `${path}: expected a checkpoint of the pod, got none`, {
        hint: 'Nothing was ever saved on it: it can be restored to.',
        details: { path },
      });
    }
    const { fileCount, fileBytes } = checkpoint.stats;
    const files = { checkpoint, fileCount, fileBytes, losses: [] };
    return describeNewDevice(pod, files, { warnings: [], durationMs: 0 });
  });
}
