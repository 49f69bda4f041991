// What can be asked of a twin: whatever only looks. What it follows changes it, or its promotion does.
import { dirname } from 'node:path';
import type { ProgressListener } from '../../core/progress.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { onlyFollows } from '../../sync/pod/twin.ts';
import { examineRuntime } from '../runtime/device-runtime.ts';
import { runtimeOfThisTwin } from '../twin/twin-runtime.ts';
import type { OperationName, Operations } from './operations.ts';
import { type Handlers, podOperations } from './pod-operations.ts';

type TwinOperationName =
  | 'status'
  | 'log'
  | 'timeline'
  | 'checkpoints'
  | 'home-list'
  | 'branches'
  | 'verify'
  | 'key-list'
  | 'runtime-check';

/**
 * Asks something of a twin's pod.
 *
 * @throws DeskPodError POD_IS_TWIN for all that would change it, but for a verify: that brings back what it finds damaged
 */
export async function operateOnTwin<Name extends OperationName>(
  pod: Pod,
  place: string,
  name: Name,
  parameters: Operations[Name]['parameters'],
  onProgress: ProgressListener,
): Promise<Operations[Name]['answer']> {
  const handlers: Partial<Handlers<OperationName>> = twinOperations(pod, place);
  const handler = handlers[name];
  if (handler === undefined) throw onlyFollows(place);
  return (await handler(parameters as never, onProgress)) as Operations[Name]['answer'];
}

function twinOperations(pod: Pod, place: string): Handlers<TwinOperationName> {
  const refuse = (): Promise<never> => Promise.reject(onlyFollows(place));
  const operations = podOperations({ pod, checkpoint: refuse });
  const { log, timeline, checkpoints } = operations;
  const examine = async () => examineRuntime(dirname(pod.folder.markerFile), await runtimeOfThisTwin(pod));
  return {
    log,
    timeline,
    checkpoints,
    'home-list': operations['home-list'],
    branches: operations.branches,
    'key-list': operations['key-list'],
    status: async (...asked) => ({ ...(await operations.status(...asked)), isTwin: true }),
    verify: async (parameters, onProgress, signal) => {
      if (parameters.isGivingUp) throw onlyFollows(place);
      // a twin has no log to record it in, and nobody expects it to
      const { unrecorded: _unrecorded, ...answer } = await operations.verify(parameters, onProgress, signal);
      const isRuntimeMeant = parameters.home === undefined && parameters.depth === 'data';
      return isRuntimeMeant && pod.state.kind === 'desktop'
        ? { ...answer, runtime: await examine() }
        : answer;
    },
    'runtime-check': async () => {
      if (pod.state.kind === 'tree') throw onlyFollows(place);
      return examine();
    },
  };
}
