// The log of a pod as it grows: over the socket of its supervisor, for as long as that is there.
import { isDeskPodError } from '../../core/errors.ts';
import type { LoggedEvent } from '../../core/events.ts';
import type { FollowItem } from '../supervisor/follow.ts';
import { readFromSupervisor } from '../supervisor/read-stream.ts';
import { type OperateOptions, withPod } from './operate.ts';

/**
 * Hands over every event from position `since` on, and then each that is written, until nobody has the pod open any more. Of
 * a pod without a supervisor it hands over what there is: nothing is written to that.
 *
 * @throws DeskPodError what opening the pod throws; SUPERVISOR_UNREACHABLE for a supervisor of another version
 */
export async function followLog(
  path: string | undefined,
  since: number,
  emit: (event: LoggedEvent) => void,
  options: OperateOptions,
): Promise<void> {
  const all = async ({ pod }: { readonly pod: { events(since: number): Promise<LoggedEvent[]> } }) => {
    for (const event of await pod.events(since)) emit(event);
  };
  let hasBegun = false;
  const take = ({ events }: FollowItem): void => {
    hasBegun = true;
    for (const event of events) emit(event);
  };
  await withPod(path, options, {
    needsSession: false,
    ask: async (socketPath) => {
      try {
        await readFromSupervisor(socketPath, 'follow', { since }, take, options.onProgress);
      } catch (error) {
        if (!hasBegun || !isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) throw error;
      }
    },
    onTree: all,
    onDesktop: all,
    onTwin: (pod) => all({ pod }),
  });
}
