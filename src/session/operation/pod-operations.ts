// The operations that need no session: the same for tree pods and for desktops.

import type { HomeState } from '../../core/home-state.ts';
import { missingAtHome } from '../../core/missing-work.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { describeSchedule, parseSchedule } from '../../core/schedule-words.ts';
import type { PodState } from '../../core/state.ts';
import { type KeptHeads, type Timeline, timelineOf } from '../../core/timeline.ts';
import { displayPath } from '../../sync/files/byte-path.ts';
import { rememberHomePassword } from '../../sync/home/home-password.ts';
import { isTwinUrl } from '../../sync/home/home-url.ts';
import { workWidth } from '../../sync/medium/work-width.ts';
import { addHome } from '../../sync/pod/add-home.ts';
import { allowHome } from '../../sync/pod/allow-home.ts';
import { listBranches } from '../../sync/pod/branches.ts';
import {
  addPasskey,
  addPassphrase,
  addRecoveryKey,
  changePassphrase,
  listKeys,
  proveKey,
  removeKey,
} from '../../sync/pod/change-keys.ts';
import { forkDevice } from '../../sync/pod/fork-device.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { promoteBranch } from '../../sync/pod/promote-branch.ts';
import { type SyncFailure, type SyncReport, syncHomes } from '../../sync/pod/replicate.ts';
import { listCheckpoints } from '../../sync/retention/list-checkpoints.ts';
import { pruneDevice } from '../../sync/retention/prune-device.ts';
import type { RunnerReport } from '../schedule/schedule-runner.ts';
import { reportScheduling } from '../schedule/scheduling-report.ts';
import { addSchedule, setReserve } from '../schedule/set-schedule.ts';
import { toWireError } from '../supervisor/wire.ts';
import { addTwin } from '../twin/add-twin.ts';
import { leaseTwin, warningsOfRemoval } from '../twin/lease-twin.ts';
import { lendHomesOf, withHomesOf } from '../twin/lend-homes.ts';
import { chooseHomeUrl, isTwinHere } from '../twin/twin-place.ts';
import { type Checkpointable, checkpointOpened } from './checkpoint-operation.ts';
import type {
  AwaitedFailure,
  HomeBranches,
  HomeReport,
  Operations,
  StatusReport,
  SyncOutcome,
} from './operations.ts';
import { verifyPod } from './verify-pod.ts';

/** One operation, bound to a pod. */
export type Handler<Name extends keyof Operations> = (
  parameters: Operations[Name]['parameters'],
  onProgress: ProgressListener,
  /** Aborts when something else waits: only what may be done in parts heeds it. */
  signal?: AbortSignal,
) => Promise<Operations[Name]['answer']>;

/** Handlers for the named operations. */
export type Handlers<Name extends keyof Operations> = { readonly [Each in Name]: Handler<Each> };

/** The operations of every kind of pod. */
export type PodOperationName =
  | 'status'
  | 'log'
  | 'timeline'
  | 'checkpoints'
  | 'checkpoint'
  | 'home-add'
  | 'home-list'
  | 'home-lease'
  | 'home-remove'
  | 'home-allow'
  | 'sync'
  | 'branches'
  | 'fork'
  | 'promote'
  | 'verify'
  | 'prune'
  | 'schedule-list'
  | 'schedule-add'
  | 'schedule-remove'
  | 'reserve'
  | 'key-list'
  | 'key-add'
  | 'key-change'
  | 'key-recovery'
  | 'key-prove'
  | 'key-passkey'
  | 'key-remove';

/** What `status` says of a session that runs here. */
export type SessionReport = Pick<StatusReport, 'rootPid' | 'tier' | 'suspend' | 'viewers'> & {
  /** Why what older checkpoints need does not come. */
  readonly awaitedFailure?: AwaitedFailure | undefined;
};

const NO_SESSION: SessionReport = {
  rootPid: undefined,
  tier: undefined,
  suspend: undefined,
  viewers: undefined,
};

/** The operations of an opened pod; `reportSession` tells of its session, `reportRunner` of who keeps its schedules. */
export function podOperations(
  opened: Checkpointable,
  reportSession: () => Promise<SessionReport> = async () => NO_SESSION,
  reportRunner: () => RunnerReport | undefined = () => undefined,
): Handlers<PodOperationName> {
  const { pod } = opened;
  const schedules = () => reportScheduling(pod, reportRunner());
  return {
    status: async () => ({
      ...(await describe(pod.state, await reportSession())),
      scheduling: await schedules(),
      notCrossed: (opened.notCrossed?.() ?? []).map(displayPath),
      work: workWidth(pod.repository.dir),
    }),
    log: async ({ since, until }) => ({ events: await pod.events(since, until), seq: pod.state.seq }),
    timeline: ({ kept = [] }) => readTimeline(pod, kept),
    checkpoints: async ({ policy }) => listCheckpoints(pod.state, policy),
    checkpoint: (parameters, onProgress, signal) => checkpointOpened(opened, parameters, onProgress, signal),
    'home-add': async ({ url, homePassword, twin }, onProgress) => {
      if (twin !== undefined) return addTwin(pod, { path: url, ...twin }, onProgress);
      rememberHomePassword(url, homePassword);
      await addHome(pod, url);
      return { url, warnings: [] };
    },
    'home-list': async () => ({ homes: await measureHomes(pod.state) }),
    'home-allow': async ({ credential, url, recipient, mayRead }) =>
      allowHome(pod, credential, { url: await meantBy(pod, url), recipient, mayRead }),
    'home-lease': async ({ url: typed, leaseMs }) => leaseTwin(pod, await meantBy(pod, typed), leaseMs),
    'home-remove': async ({ url: typed }) => {
      const url = await meantBy(pod, typed);
      const warnings = warningsOfRemoval(pod.state, url);
      await pod.append({ type: 'removeHome', url });
      return { url, warnings };
    },
    sync: async ({ url: typed, homePassword, ...settings }, onProgress) => {
      const url = await prepareHomes(pod, typed, homePassword);
      const outcomes = await syncHomes(pod, url, onProgress, settings, lendHomesOf(pod));
      return { homes: outcomes.map(toOutcome) };
    },
    verify: async ({ home, ...parameters }, onProgress, signal) => {
      const url = home === undefined ? {} : { home: await meantBy(pod, home) };
      return verifyPod(pod, { ...parameters, ...url }, onProgress, signal);
    },
    branches: async () => ({ homes: await branchesAtHomes(pod) }),
    fork: async () => ({ deviceId: await forkDevice(pod, 'asked') }),
    promote: async ({ url: typed, homePassword }, onProgress) => {
      const url = await prepareHomes(pod, typed, homePassword);
      const promotedAt = await promoteBranch(pod, url, lendHomesOf(pod));
      const outcomes = await syncHomes(pod, url, onProgress, {}, lendHomesOf(pod));
      const { deviceId, epoch } = pod.state;
      return { deviceId, epoch, promotedAt, homes: outcomes.map(toOutcome) };
    },
    prune: (parameters, onProgress, signal) => pruneDevice(pod, parameters, onProgress, signal),
    'schedule-list': schedules,
    'schedule-add': async ({ words, jitterMs }) => {
      const number = await addSchedule(pod, words, jitterMs);
      return { number, words: describeSchedule(parseSchedule(words)) };
    },
    'schedule-remove': async ({ number }) => {
      await pod.append({ type: 'removeSchedule', number });
      return { number };
    },
    reserve: async ({ reserveBytes }) => {
      await setReserve(pod, reserveBytes);
      return { reserve: (await schedules()).reserve };
    },
    'key-list': () => listKeys(pod),
    'key-add': ({ credential, passphrase, label }) => addPassphrase(pod, credential, { passphrase, label }),
    'key-change': ({ credential, passphrase, label, slot }) =>
      changePassphrase(pod, credential, { passphrase, label, slot }),
    'key-recovery': ({ credential, ...recovery }) => addRecoveryKey(pod, credential, recovery),
    'key-prove': async ({ credential }) => ({
      podName: pod.state.name,
      passkeys: await proveKey(pod, credential),
    }),
    'key-passkey': ({ credential, passkey }) => addPasskey(pod, credential, passkey),
    'key-remove': ({ credential, ...removed }) => removeKey(pod, credential, removed),
  };
}

function toOutcome(outcome: SyncReport | SyncFailure): SyncOutcome {
  return 'error' in outcome ? { url: outcome.url, error: toWireError(outcome.error) } : outcome;
}

async function readTimeline(pod: Pod, kept: readonly KeptHeads[]): Promise<Timeline> {
  const isForgotten = pod.state.lastCheckpoint > pod.state.checkpoints.length;
  return timelineOf(pod.state, kept, kept.length > 0 && isForgotten ? await pod.events(1) : []);
}

function branchesAtHomes(pod: Pod): Promise<HomeBranches[]> {
  const { podId, homes } = pod.state;
  return withHomesOf(pod, async (openHome) => {
    const found: HomeBranches[] = [];
    for (const { url } of homes) {
      try {
        found.push({ url, branches: await listBranches(openHome(url), podId) });
      } catch (error) {
        found.push({ url, error: toWireError(error) });
      }
    }
    return found;
  });
}

/** Makes the homes of a pod ready to be asked; answers with the one that is meant, if one is. */
async function prepareHomes(
  pod: Pod,
  typed: string | undefined,
  homePassword: string | undefined,
): Promise<string | undefined> {
  for (const home of pod.state.homes) rememberHomePassword(home.url, homePassword);
  return typed === undefined ? undefined : meantBy(pod, typed);
}

/** The home that the user means by its URL, or by where its device is plugged in. */
function meantBy(pod: Pod, typed: string): Promise<string> {
  return chooseHomeUrl(
    pod.state.homes.map((home) => home.url),
    typed,
  );
}

async function describe(
  state: PodState,
  { awaitedFailure, ...running }: SessionReport,
): Promise<Omit<StatusReport, 'notCrossed' | 'scheduling'>> {
  const { podId, name, kind, deviceId, epoch, vault, seq, session, packages, doubt, limits } = state;
  const last = state.checkpoints.at(-1);
  return {
    ...{ podId, name, kind, deviceId, epoch, vault, seq, session, packages, doubt, limits },
    ...running,
    isTwin: false,
    moved: state.moved,
    base: state.base?.name,
    lastCheckpoint:
      last === undefined ? undefined : { number: last.number, atMs: last.atMs, reason: last.reason },
    checkpointCount: state.checkpoints.length,
    homes: await measureHomes(state),
    verifications: state.verifications,
    provenRestore: state.provenRestore,
    awaited:
      state.awaited === undefined || awaitedFailure === undefined
        ? state.awaited
        : { ...state.awaited, failure: awaitedFailure },
  };
}

function measureHomes(state: PodState): Promise<HomeReport[]> {
  return Promise.all(state.homes.map((home) => measureHome(state, home)));
}

async function measureHome(state: PodState, home: HomeState): Promise<HomeReport> {
  const isTwin = isTwinUrl(home.url);
  const isAway = isTwin && !(await isTwinHere(home.url));
  return { ...home, ...missingAtHome(state, home), isTwin, isAway };
}
