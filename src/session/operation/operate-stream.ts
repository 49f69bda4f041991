// One stream operation on one pod: over the socket of its supervisor if it has one, in this process if not.
import { browsePod, type Emit } from '../../sync/browse/browsed-pod.ts';
import { type HomePodAccess, withHomePod } from '../../sync/browse/home-pod.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { readFromSupervisor } from '../supervisor/read-stream.ts';
import { type OperateOptions, withPod } from './operate.ts';
import {
  type StreamHandler,
  type StreamName,
  type StreamOperations,
  streamOperations,
} from './stream-operations.ts';

/**
 * Runs a stream operation on the pod at `path`. `emit` is handed what is found, no faster than it takes it.
 * @throws DeskPodError whatever the operation throws, perhaps after some items; what `emit` throws
 */
export function operateStream<Name extends StreamName>(
  path: string | undefined,
  name: Name,
  parameters: StreamOperations[Name]['parameters'],
  emit: Emit<StreamOperations[Name]['item']>,
  options: OperateOptions,
): Promise<StreamOperations[Name]['answer']> {
  const onPod = ({ pod }: { readonly pod: Pod }): Promise<StreamOperations[Name]['answer']> => {
    const run: StreamHandler<Name> = streamOperations(browsePod(pod))[name];
    // whoever stops this process stops the reading
    const { signal } = new AbortController();
    return run(parameters, emit, { onProgress: options.onProgress, signal });
  };
  return withPod(path, options, {
    needsSession: false,
    ask: (socketPath) => readFromSupervisor(socketPath, name, parameters, emit, options.onProgress),
    onTree: onPod,
    onDesktop: onPod,
    onTwin: (pod) => onPod({ pod }),
  });
}

/**
 * Runs a stream operation on a pod at home, where it lies: no device is needed, and nothing there changes.
 * @throws DeskPodError as {@link operateStream}, and HOME_*
 */
export function operateStreamAtHome<Name extends StreamName>(
  access: HomePodAccess,
  name: Name,
  parameters: StreamOperations[Name]['parameters'],
  emit: Emit<StreamOperations[Name]['item']>,
): Promise<StreamOperations[Name]['answer']> {
  const { onProgress } = access;
  return withHomePod(access, (pod) => {
    const run: StreamHandler<Name> = streamOperations(pod)[name];
    const { signal } = new AbortController();
    return run(parameters, emit, { onProgress, signal });
  });
}
