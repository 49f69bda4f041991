// The operations that need no session: the same for tree pods and for desktops.
import type { ProgressListener } from '../../core/progress.ts';
import type { Checkpoint, HomeState, PodState } from '../../core/state.ts';
import { rememberHomePassword } from '../../sync/home/home-password.ts';
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { addHome } from '../../sync/pod/add-home.ts';
import { listBranches } from '../../sync/pod/branches.ts';
import {
  addPassphrase,
  addRecoveryKey,
  changePassphrase,
  listKeys,
  removeKey,
} from '../../sync/pod/change-keys.ts';
import { forkDevice } from '../../sync/pod/fork-device.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { type SyncFailure, type SyncReport, syncHomes } from '../../sync/pod/replicate.ts';
import type { CheckpointReport, DoubtAnswer } from '../../sync/pod/seal-checkpoint.ts';
import { listCheckpoints } from '../../sync/retention/list-checkpoints.ts';
import { pruneDevice } from '../../sync/retention/prune-device.ts';
import { toWireError } from '../supervisor/wire.ts';
import type { HomeBranches, HomeReport, Operations, StatusReport, SyncOutcome } from './operations.ts';
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
  | 'checkpoints'
  | 'checkpoint'
  | 'home-add'
  | 'home-list'
  | 'home-remove'
  | 'sync'
  | 'branches'
  | 'fork'
  | 'verify'
  | 'prune'
  | 'key-list'
  | 'key-add'
  | 'key-change'
  | 'key-recovery'
  | 'key-remove';

/** An opened pod that can be checkpointed. */
export interface Checkpointable {
  readonly pod: Pod;
  checkpoint(onProgress: ProgressListener, ifDoubtful?: DoubtAnswer): Promise<CheckpointReport>;
}

/** The operations of an opened pod; `rootPid` tells the first process of its session, if one runs. */
export function podOperations(
  opened: Checkpointable,
  rootPid: () => number | undefined = () => undefined,
): Handlers<PodOperationName> {
  const { pod } = opened;
  return {
    status: async () => describe(pod.state, rootPid()),
    log: async ({ since }) => ({ events: await pod.events(since) }),
    checkpoints: async ({ policy }) => listCheckpoints(pod.state, policy),
    checkpoint: (parameters, onProgress) => opened.checkpoint(onProgress, answerOf(parameters)),
    'home-add': async ({ url, homePassword }) => {
      rememberHomePassword(url, homePassword);
      await addHome(pod, url);
      return { url };
    },
    'home-list': async () => ({ homes: pod.state.homes.map((home) => measureHome(pod.state, home)) }),
    'home-remove': async ({ url }) => {
      await pod.append({ type: 'removeHome', url });
      return { url };
    },
    sync: async ({ url, homePassword, ...settings }, onProgress) => {
      for (const home of pod.state.homes) rememberHomePassword(home.url, homePassword);
      return { homes: (await syncHomes(pod, url, onProgress, settings)).map(toOutcome) };
    },
    branches: async () => ({ homes: await branchesAtHomes(pod.state) }),
    fork: async () => ({ deviceId: await forkDevice(pod, 'asked') }),
    verify: (parameters, onProgress, signal) => verifyPod(pod, parameters, onProgress, signal),
    prune: (parameters, onProgress, signal) => pruneDevice(pod, parameters, onProgress, signal),
    'key-list': () => listKeys(pod),
    'key-add': ({ credential, passphrase, label }) => addPassphrase(pod, credential, { passphrase, label }),
    'key-change': ({ credential, passphrase, label, slot }) =>
      changePassphrase(pod, credential, { passphrase, label, slot }),
    'key-recovery': ({ credential, ...recovery }) => addRecoveryKey(pod, credential, recovery),
    'key-remove': ({ credential, ...removed }) => removeKey(pod, credential, removed),
  };
}

/** What is done about a checkpoint that looks like a loss, as it was asked for. */
export function answerOf({ acceptsChanges }: Operations['checkpoint']['parameters']): DoubtAnswer {
  return acceptsChanges === true ? 'accept' : 'stop';
}

function toOutcome(outcome: SyncReport | SyncFailure): SyncOutcome {
  return 'error' in outcome ? { url: outcome.url, error: toWireError(outcome.error) } : outcome;
}

async function branchesAtHomes({ podId, homes }: PodState): Promise<HomeBranches[]> {
  const found: HomeBranches[] = [];
  for (const { url } of homes) {
    try {
      found.push({ url, branches: await listBranches(openRsyncHome(url), podId) });
    } catch (error) {
      found.push({ url, error: toWireError(error) });
    }
  }
  return found;
}

function describe(state: PodState, rootPid: number | undefined): StatusReport {
  const { podId, name, kind, deviceId, epoch, vault, seq, session, packages, doubt } = state;
  const last = state.checkpoints.at(-1);
  return {
    ...{ podId, name, kind, deviceId, epoch, vault, seq, session, packages, doubt, rootPid },
    moved: state.moved,
    base: state.base?.name,
    lastCheckpoint:
      last === undefined ? undefined : { number: last.number, atMs: last.atMs, reason: last.reason },
    homes: state.homes.map((home) => measureHome(state, home)),
    verifications: state.verifications,
  };
}

function measureHome(state: PodState, home: HomeState): HomeReport {
  const missing: readonly Checkpoint[] = state.checkpoints.filter(({ seq }) => seq > home.seq);
  const missingBytes = missing.reduce((sum, { stats }) => sum + stats.storedBytes, 0);
  return { ...home, missingCheckpoints: missing.length, missingBytes };
}
