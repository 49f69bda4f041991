// One operation on one pod: asked of its supervisor if it has one, done here if not.
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import type { Tree } from '../../sync/pod/tree.ts';
import { withHooksOutside } from '../hooks/step-hooks.ts';
import { steppedDesktop, steppedTree } from '../hooks/steps.ts';
import { afterwards } from '../pod/afterwards.ts';
import type { Desktop } from '../pod/desktop.ts';
import { callSupervisor, supervisorListens } from '../supervisor/client.ts';
import { findTreeSocket } from '../supervisor/tree-socket.ts';
import type { OperationName, Operations } from './operations.ts';
import { findPod, type Target } from './target.ts';

/** What an operation may need from the user. */
export interface OperateOptions {
  readonly passphrase: () => Promise<string>;
  /** What to open the pod with instead: it may be the recovery key. */
  readonly credential?: () => Promise<Credential>;
  readonly onProgress: ProgressListener;
  /** Told what the user is to know of a device that is opened. */
  readonly onNotice?: (text: string) => void;
}

const ENDING_TIMEOUT_MS = 10_000;
const ENDING_POLL_MS = 50;

/** Operations that make sense only while a session runs. */
const NEEDS_SESSION: ReadonlySet<OperationName> = new Set(['suspend', 'stop', 'view', 'screenshot']);

/**
 * Runs an operation on the pod at `path` (see {@link findPod}).
 *
 * A session whose supervisor was killed gets a new one first, which needs the passphrase again.
 * @throws DeskPodError whatever the operation throws; SESSION_NOT_RUNNING for one that needs a session where none runs
 */
export async function operate<Name extends OperationName>(
  path: string | undefined,
  name: Name,
  parameters: Operations[Name]['parameters'],
  options: OperateOptions,
): Promise<Operations[Name]['answer']> {
  type Answer = Operations[Name]['answer'];
  return withHooksOutside<Answer>(name, options, (inside) =>
    withPod(path, options, {
      needsSession: NEEDS_SESSION.has(name),
      capturesAhead: name === 'checkpoint',
      // whoever answers has the hooks run
      ask: (socketPath) => callSupervisor(socketPath, name, parameters, options.onProgress),
      onTree: (tree) =>
        inside(steppedTree(tree), async (haveHooksRun) => {
          // what they did to the files belongs into a checkpoint
          if (haveHooksRun) await tree.captureAnew();
          return operateOnTree(tree, name, parameters, options);
        }),
      onTwin: async (pod, place) => {
        const { operateOnTwin } = await import('./twin-operations.ts');
        return operateOnTwin(pod, place, name, parameters, options.onProgress);
      },
      onDesktop: async (desktop) => {
        const { desktopOperations } = await import('./desktop-operations.ts');
        const operation = desktopOperations(desktop)[name];
        return inside(
          steppedDesktop(desktop),
          async () => (await operation(parameters as never, options.onProgress)) as Answer,
        );
      },
    }),
  );
}

/** How something is done with a pod, wherever it is open. */
interface Ways<Answer> {
  /** False for what can be done here, too. */
  readonly needsSession: boolean;
  /** True if a tree pod will be checkpointed. */
  readonly capturesAhead?: boolean;
  ask(socketPath: string): Promise<Answer>;
  onTree(tree: Tree): Promise<Answer>;
  onDesktop(desktop: Desktop): Promise<Answer>;
  /** The pod of a twin, to look into; `place` is its device or folder. */
  onTwin(pod: Pod, place: string): Promise<Answer>;
}

/**
 * Asks the supervisor of the pod at `path`, or opens the pod here if it has none.
 * @throws DeskPodError as {@link operate}
 */
export async function withPod<Answer>(
  path: string | undefined,
  options: OperateOptions,
  ways: Ways<Answer>,
): Promise<Answer> {
  const target = await findPod(path);
  if (target.kind === 'tree') return withTree(target.dir, options, ways);
  if (await isSupervised(target, options)) {
    try {
      return await ways.ask(target.staging.supervisorSocket);
    } catch (error) {
      // It was about to end when it was asked: what needs no session is done here, once it is gone.
      if (!isEnding(error)) throw error;
      await untilGone(target.staging.supervisorSocket);
      // one that was killed has left its session to another
      if (await isSupervised(target, options)) return ways.ask(target.staging.supervisorSocket);
      // the session went with it
      if (ways.needsSession) throw notRunning(target.path);
    }
  }
  if (ways.needsSession) throw notRunning(target.path);
  // what a supervisor answers needs none of this: a command that only asks is quick to start
  const { openDevice } = await import('../pod/open-device.ts');
  const { Desktop } = await import('../pod/desktop.ts');
  const credential = await credentialOf(options);
  const opened = await openDevice(target.path, credential).catch(unlessTwin);
  if (opened === undefined) return lookIntoTwin(target.path, credential, ways);
  if (opened.notice !== undefined) options.onNotice?.(opened.notice);
  const desktop = await Desktop.take(opened, options.onProgress);
  return afterwards(
    () => ways.onDesktop(desktop),
    () => desktop.close(),
  );
}

/** The same for a tree pod, whose supervisor is whoever watches it. */
async function withTree<Answer>(dir: string, options: OperateOptions, ways: Ways<Answer>): Promise<Answer> {
  if (ways.needsSession) throw hasNoSession(dir);
  const socket = findTreeSocket(dir);
  try {
    if (socket !== undefined && (await supervisorListens(socket.path))) {
      try {
        return await ways.ask(socket.path);
      } catch (error) {
        if (!isEnding(error)) throw error;
        await untilGone(socket.path);
      }
    }
  } finally {
    socket?.close();
  }
  const { openTree } = await import('../../sync/pod/tree.ts');
  const credential = await credentialOf(options);
  const { capturesAhead = false } = ways;
  const tree = await openTree(dir, credential, { capturesAhead }).catch(unlessTwin);
  if (tree === undefined) return lookIntoTwin(dir, credential, ways);
  if (tree.notice !== undefined) options.onNotice?.(tree.notice);
  try {
    return await ways.onTree(tree);
  } finally {
    await tree.close();
  }
}

/** A twin is no pod that can be opened; it can be looked into. */
function unlessTwin(error: unknown): undefined {
  if (!isDeskPodError(error, 'POD_IS_TWIN')) throw error;
}

async function lookIntoTwin<Answer>(
  path: string,
  credential: Credential,
  ways: Ways<Answer>,
): Promise<Answer> {
  const { takePlace } = await import('../twin/twin-place.ts');
  const { withTwinPod } = await import('../../sync/pod/twin.ts');
  const { dir, release } = await takePlace(path);
  return afterwards(
    () => withTwinPod({ dir, place: path }, credential, (pod) => ways.onTwin(pod, path)),
    release,
  );
}

/** What the pod is opened with. */
export async function credentialOf(options: OperateOptions): Promise<Credential> {
  return options.credential === undefined ? { passphrase: await options.passphrase() } : options.credential();
}

/** True if a supervisor was about to end when it was asked, and did nothing. */
export function isEnding(error: unknown): boolean {
  return isDeskPodError(error, 'SUPERVISOR_UNREACHABLE') && error.details.isEnding === true;
}

async function untilGone(socketPath: string): Promise<void> {
  const deadlineMs = performance.now() + ENDING_TIMEOUT_MS;
  while ((await supervisorListens(socketPath)) && performance.now() < deadlineMs) {
    await delay(ENDING_POLL_MS);
  }
}

/** True if a supervisor answers for the pod; one is started for a session that was left without. */
export async function isSupervised(
  { path, staging }: Target & { kind: 'device' },
  options: OperateOptions,
): Promise<boolean> {
  if (await supervisorListens(staging.supervisorSocket)) return true;
  const { readSessionNote } = await import('../pod/session-note.ts');
  if ((await readSessionNote(staging)) === undefined) return false;
  const { launchSupervisor } = await import('../supervisor/launch.ts');
  options.onProgress({ step: 'taking over the running session from a supervisor that was killed' });
  await launchSupervisor(
    { devicePath: path, credential: await credentialOf(options), mode: 'adopt' },
    options.onProgress,
  );
  return true;
}

/** One operation on an opened tree pod. @throws DeskPodError USAGE for one that needs a session */
export async function operateOnTree<Name extends OperationName>(
  tree: Tree,
  name: Name,
  parameters: Operations[Name]['parameters'],
  { onProgress }: Pick<OperateOptions, 'onProgress'>,
  signal?: AbortSignal,
): Promise<Operations[Name]['answer']> {
  type Answer = Operations[Name]['answer'];
  if (name === 'checkpoint') {
    const { checkpointOpened } = await import('./checkpoint-operation.ts');
    return (await checkpointOpened(tree, parameters as never, onProgress, signal)) as Answer;
  }
  const { podOperations } = await import('./pod-operations.ts');
  const operation = podOperations(tree)[name as keyof ReturnType<typeof podOperations>];
  if (operation === undefined) {
    throw hasNoSession(tree.dir);
  }
  return (await operation(parameters as never, onProgress, signal)) as Answer;
}

function hasNoSession(dir: string): DeskPodError {
  return new DeskPodError('USAGE', `${dir} is a tree pod: it has no session`, {
    hint: 'Sessions live in pods made by `deskpod create DEVICE`, as root.',
  });
}

function notRunning(path: string): DeskPodError {
  return new DeskPodError('SESSION_NOT_RUNNING', `${path}: no session of this pod runs on this host`, {
    hint: `Start it with \`deskpod start ${path}\`.`,
  });
}
