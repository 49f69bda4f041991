// Several operations on one pod that is opened once: over the socket of its supervisor if it has one, in this process if not.
import type { ProgressListener } from '../../core/progress.ts';
import { type BrowseOptions, browsePod, type Emit } from '../../sync/browse/browsed-pod.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { withHooks } from '../hooks/step-hooks.ts';
import { steppedDesktop, steppedTree } from '../hooks/steps.ts';
import { callSupervisor } from '../supervisor/client.ts';
import { readFromSupervisor } from '../supervisor/read-stream.ts';
import { type OperateOptions, operateOnTree, withPod } from './operate.ts';
import type { OperationName, Operations } from './operations.ts';
import { type StreamName, type StreamOperations, streamOperations } from './stream-operations.ts';

/** How an operation is watched, and asked to end early. */
export interface AskOptions {
  readonly onProgress: ProgressListener;
  readonly signal: AbortSignal;
}

/** A pod that is open for as long as whoever was handed it works with it. */
export interface OpenedPod {
  /** Runs one operation. @throws DeskPodError whatever it throws */
  operate<Name extends OperationName>(
    name: Name,
    parameters: Operations[Name]['parameters'],
    options: AskOptions,
  ): Promise<Operations[Name]['answer']>;
  /** Runs one stream operation. @throws DeskPodError whatever it throws, perhaps after some items; what `emit` throws */
  read<Name extends StreamName>(
    name: Name,
    parameters: StreamOperations[Name]['parameters'],
    emit: Emit<StreamOperations[Name]['item']>,
    options: AskOptions,
  ): Promise<StreamOperations[Name]['answer']>;
}

/**
 * Opens the pod at `path`, lets `act` work with it, and closes it: nothing of it stays mounted.
 * @throws DeskPodError what opening and closing it throws; what `act` throws
 */
export function withOpenedPod<Result>(
  path: string,
  options: OperateOptions,
  act: (opened: OpenedPod) => Promise<Result>,
): Promise<Result> {
  return withPod(path, options, {
    needsSession: false,
    ask: (socketPath) => act(openedBehind(socketPath)),
    onTree: (tree) =>
      act({
        ...readingHere(tree.pod),
        operate: (name, parameters, { onProgress, signal }) =>
          withHooks(steppedTree(tree), name, { onProgress }, () =>
            operateOnTree(tree, name, parameters, { onProgress }, signal),
          ),
      }),
    onDesktop: async (desktop) => {
      const { desktopOperations } = await import('./desktop-operations.ts');
      const operations = desktopOperations(desktop);
      return act({
        ...readingHere(desktop.pod),
        operate: async <Name extends OperationName>(
          name: Name,
          parameters: Operations[Name]['parameters'],
          { onProgress, signal }: AskOptions,
        ) =>
          withHooks(
            steppedDesktop(desktop),
            name,
            { onProgress },
            async () =>
              (await operations[name](parameters as never, onProgress, signal)) as Operations[Name]['answer'],
          ),
      });
    },
    onTwin: async (pod, place) => {
      const { operateOnTwin } = await import('./twin-operations.ts');
      return act({
        ...readingHere(pod),
        operate: (name, parameters, { onProgress }) =>
          operateOnTwin(pod, place, name, parameters, onProgress),
      });
    },
  });
}

/** The pod that the supervisor behind a socket has open. */
export function openedBehind(socketPath: string): OpenedPod {
  return {
    operate: (name, parameters, { onProgress }) => callSupervisor(socketPath, name, parameters, onProgress),
    read: (name, parameters, emit, { onProgress, signal }) =>
      readFromSupervisor(socketPath, name, parameters, emit, onProgress, signal),
  };
}

function readingHere(pod: Pod): Pick<OpenedPod, 'read'> {
  const streams = streamOperations(browsePod(pod));
  return {
    read: <Name extends StreamName>(
      name: Name,
      parameters: StreamOperations[Name]['parameters'],
      emit: Emit<StreamOperations[Name]['item']>,
      options: BrowseOptions,
    ) =>
      streams[name](parameters as never, emit as never, options) as Promise<StreamOperations[Name]['answer']>,
  };
}
