// The operations of a desktop pod, those of its session included.
import { DeskPodError } from '../../core/errors.ts';
import type { Desktop } from '../pod/desktop.ts';
import { installInto } from '../pod/install-into.ts';
import { describeObstacle } from '../preflight/obstacle.ts';
import { foreseeObstacles, type ProcessSession } from '../process/processes.ts';
import { examineRuntime, findRuntimeImage, putRuntime, removeRuntime } from '../runtime/device-runtime.ts';
import type { RunnerReport } from '../schedule/schedule-runner.ts';
import type { PresenceReport } from '../viewer/presence.ts';
import type { AwaitedFailure, OperationName } from './operations.ts';
import { type Handlers, podOperations, type SessionReport } from './pod-operations.ts';

/** What a supervisor adds, which has the viewer and ends itself with the session. */
export type SupervisedName = 'suspend' | 'stop' | 'view' | 'screenshot';

/**
 * The operations of a desktop; without `supervised` the session's own need a supervisor first. `viewers` tells who looks, and
 * `runner` who keeps the schedules.
 */
export function desktopOperations(
  desktop: Desktop,
  supervised?: Handlers<SupervisedName>,
  viewers: () => PresenceReport | undefined = () => undefined,
  runner: () => RunnerReport | undefined = () => undefined,
  awaitedFailure: () => AwaitedFailure | undefined = () => undefined,
): Handlers<OperationName> {
  const unsupervised = async (): Promise<never> => {
    throw new DeskPodError('SESSION_NOT_RUNNING', 'no session of this pod runs on this host', {
      hint: 'Start it with `deskpod start`.',
    });
  };
  const reportSession = async () => ({
    ...(await forecastOf(desktop.session)),
    tier: desktop.tier,
    viewers: viewers(),
    awaitedFailure: awaitedFailure(),
  });
  const operations = podOperations(desktop, reportSession, runner);
  return {
    ...operations,
    ...runtimeOperations(desktop),
    verify: async (parameters, ...others) => {
      const answer = await operations.verify(parameters, ...others);
      if (parameters.home !== undefined || parameters.depth !== 'data') return answer;
      return { ...answer, runtime: await examineRuntime(desktop.deviceDir, desktop.pod.state.runtime) };
    },
    limit: async ({ limits }) => {
      await desktop.pod.append({ type: 'limitSession', limits });
      return {};
    },
    install: ({ packages }, onProgress) => installInto(desktop, packages, onProgress),
    ...(supervised ?? {
      suspend: unsupervised,
      stop: unsupervised,
      view: unsupervised,
      screenshot: unsupervised,
    }),
  };
}

function runtimeOperations({
  deviceDir,
  pod,
}: Desktop): Handlers<'runtime-check' | 'runtime-put' | 'runtime-remove'> {
  const examine = () => examineRuntime(deviceDir, pod.state.runtime);
  return {
    'runtime-check': examine,
    'runtime-put': async (_parameters, onProgress) => {
      const image = await findRuntimeImage();
      onProgress({ step: 'copying the runtime' });
      await pod.append({ type: 'putRuntime', runtime: await putRuntime(deviceDir, image) });
      await pod.publish();
      return examine();
    },
    'runtime-remove': async () => {
      await removeRuntime(deviceDir);
      await pod.append({ type: 'removeRuntime' });
      await pod.publish();
      return examine();
    },
  };
}

async function forecastOf(
  session: ProcessSession | undefined,
): Promise<Omit<SessionReport, 'tier' | 'viewers'>> {
  if (session === undefined) return { rootPid: undefined, suspend: undefined };
  const { rootPid } = session;
  const obstacles = await foreseeObstacles(session);
  if (obstacles === undefined) return { rootPid, suspend: undefined };
  const suspend = {
    wouldSucceed: obstacles.every(({ isTransient }) => isTransient),
    obstacles: obstacles.map((obstacle) => ({ ...obstacle, sentence: describeObstacle(obstacle) })),
  };
  return { rootPid, suspend };
}
