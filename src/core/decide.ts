// Decisions: which events a command leads to in a state, or why it is refused. Pure: the facts come with the command.

import type { BarrierEvent } from './barrier-events.ts';
import type { Doubt } from './checkpoint-doubt.ts';
import { pinnedCheckpoints } from './checkpoint-retention.ts';
import { DeskPodError } from './errors.ts';
import type {
  CheckpointSealed,
  DeviceForked,
  DevicePromoted,
  HostFacts,
  ObjectHealed,
  PodCreated,
  PodEvent,
  RestoreCompleted,
  RestoreProven,
  RuntimePut,
  VerifyCompleted,
} from './events.ts';
import type { HomeBranched, HomeDocked, HomeEquipped, HomeLeased, HomeReverted } from './home-events.ts';
import { packsInForce } from './packs-in-force.ts';
import { type Processor, type ProcessorLevel, usableOf } from './processor.ts';
import { decideScheduling, type ScheduleCommand } from './scheduling.ts';
import { type SessionLimits, wrongLimit } from './session-limits.ts';
import type { Checkpoint, PodState } from './state.ts';

/** What a checkpoint brings along; its number is given by the decision. */
export type SealedContent = Omit<CheckpointSealed, 'type' | 'v' | 'number'>;

/** A doubt about a checkpoint that is sealed all the same: a person accepted it, or it stays open. */
export type AnsweredDoubt = Doubt & { readonly isAccepted: boolean };

/** A checkpoint, and what else its append says. */
export interface Sealing {
  readonly content: SealedContent;
  readonly doubt?: AnsweredDoubt;
  /** Paths in the tree that something is mounted on. */
  readonly mounts?: readonly string[];
}

/** What a home says that it did while the pod was not open. */
export type HomeNote = HomeDocked | RestoreProven;

/** What can be asked of a pod, in the imperative, with the facts that the asking room found. */
export type Command =
  | { readonly type: 'createPod'; readonly pod: Omit<PodCreated, 'type' | 'v' | 'epoch'> }
  | { readonly type: 'changeKeyring'; readonly keyring: string; readonly generation: number }
  | { readonly type: 'addBase'; readonly name: string; readonly sha256: string; readonly sizeBytes: number }
  | { readonly type: 'putRuntime'; readonly runtime: Omit<RuntimePut, 'type' | 'v'> }
  | { readonly type: 'removeRuntime' }
  | { readonly type: 'limitProcessor'; readonly level: ProcessorLevel }
  | { readonly type: 'limitSession'; readonly limits: SessionLimits }
  | { readonly type: 'startSession'; readonly host: HostFacts; readonly processor: Processor }
  | {
      readonly type: 'resumeSession';
      readonly checkpoint: number;
      readonly host: HostFacts;
      /** The host's. */
      readonly processor: Processor;
      readonly resumeMs: number;
    }
  | ({ readonly type: 'sealCheckpoint' } & Sealing)
  | ({ readonly type: 'suspendSession' } & Sealing)
  | { readonly type: 'doubtCheckpoint'; readonly doubt: Doubt }
  | { readonly type: 'stopSession' }
  | { readonly type: 'loseSession'; readonly cause: string }
  | { readonly type: 'recordPackages'; readonly packages: readonly string[] }
  | { readonly type: 'addHome'; readonly url: string }
  | { readonly type: 'removeHome'; readonly url: string }
  | {
      readonly type: 'acknowledgeHome';
      readonly url: string;
      readonly seq: number;
      readonly recordHash: string;
      readonly sentBytes: number;
    }
  | { readonly type: 'noteReversion'; readonly reversion: Omit<HomeReverted, 'type' | 'v'> }
  | { readonly type: 'branchAtHome'; readonly branch: Omit<HomeBranched, 'type' | 'v'> }
  | { readonly type: 'equipHome'; readonly equipment: Omit<HomeEquipped, 'type' | 'v'> }
  | { readonly type: 'stripHome'; readonly url: string }
  | { readonly type: 'leaseHome'; readonly lease: Omit<HomeLeased, 'type' | 'v'> }
  | { readonly type: 'takeHomeNotes'; readonly notes: readonly HomeNote[] }
  | { readonly type: 'noteMove'; readonly place: string }
  | { readonly type: 'forkDevice'; readonly fork: Omit<DeviceForked, 'type' | 'v'> }
  | { readonly type: 'promoteDevice'; readonly promotion: Omit<DevicePromoted, 'type' | 'v'> }
  | { readonly type: 'completeRestore'; readonly restore: Omit<RestoreCompleted, 'type' | 'v' | 'epoch'> }
  | { readonly type: 'completeVerify'; readonly verify: Omit<VerifyCompleted, 'type' | 'v'> }
  | { readonly type: 'recordHeals'; readonly objects: readonly Omit<ObjectHealed, 'type' | 'v'>[] }
  | { readonly type: 'forgetCheckpoints'; readonly numbers: readonly number[]; readonly policy: string }
  | { readonly type: 'prunePacks'; readonly added: readonly string[]; readonly removed: readonly string[] }
  | { readonly type: 'noteGap'; readonly cause: string }
  | { readonly type: 'noteBarrier'; readonly events: readonly BarrierEvent[] }
  | ScheduleCommand;

/**
 * The events that `command` leads to in `state`.
 *
 * @throws DeskPodError POD_EXISTS, SESSION_ALREADY_RUNNING, SESSION_NOT_RUNNING, CHECKPOINT_NOT_FOUND, BASE_NOT_FOUND,
 * HOME_UNKNOWN, HOME_ALREADY_KNOWN or SCHEDULE_NOT_FOUND where the state forbids it; the state is then unchanged.
 */
export function decide(state: PodState, command: Command): PodEvent[] {
  if (command.type !== 'createPod' && state.podId === '') {
    throw new DeskPodError('POD_NOT_FOUND', 'the log holds no pod yet');
  }
  switch (command.type) {
    case 'createPod':
      if (state.podId !== '')
        throw new DeskPodError('POD_EXISTS', `the log belongs to pod ${state.podId} already`);
      return [{ type: 'pod.created', v: 1, epoch: 1, ...command.pod }];
    case 'changeKeyring':
      return [{ type: 'keyring.changed', v: 1, keyring: command.keyring, generation: command.generation }];
    case 'addBase':
      return [
        {
          type: 'base.added',
          v: 1,
          name: command.name,
          sha256: command.sha256,
          sizeBytes: command.sizeBytes,
        },
      ];
    case 'startSession':
      refuseRunning(state);
      if (state.base === undefined)
        throw new DeskPodError('BASE_NOT_FOUND', 'the pod has no base to start from');
      return [
        { type: 'session.started', v: 1, base: state.base.sha256, host: command.host },
        processorUsed(state, command.processor),
      ];
    case 'putRuntime':
      return [{ type: 'runtime.put', v: 1, ...command.runtime }];
    case 'removeRuntime':
      return state.runtime === undefined ? [] : [{ type: 'runtime.removed', v: 1 }];
    case 'limitProcessor':
      return [{ type: 'processor.limited', v: 1, level: command.level }];
    case 'limitSession': {
      const { limits } = command;
      const wrong = wrongLimit(limits);
      if (wrong !== undefined) throw new RangeError(`expected another ${wrong}, got ${limits[wrong]}`);
      return [{ type: 'session.limited', v: 1, ...limits }];
    }
    case 'resumeSession':
      refuseRunning(state);
      findImages(state, command.checkpoint);
      return [
        {
          type: 'session.resumed',
          v: 1,
          checkpoint: command.checkpoint,
          host: command.host,
          resumeMs: command.resumeMs,
        },
        // what is started in it later finds this processor, whatever the others need
        processorUsed(state, command.processor),
      ];
    case 'sealCheckpoint': {
      const checkpoint = sealed(state, command.content);
      return [checkpoint, ...besides(state, checkpoint.number, command)];
    }
    case 'suspendSession': {
      requireRunning(state);
      const checkpoint = sealed(state, command.content);
      const { number } = checkpoint;
      const suspended: PodEvent = { type: 'session.suspended', v: 1, checkpoint: number };
      return [checkpoint, suspended, ...besides(state, number, command)];
    }
    case 'doubtCheckpoint':
      return isSameDoubt(state.doubt, command.doubt)
        ? []
        : [{ type: 'checkpoint.doubted', v: 1, ...command.doubt }];
    case 'stopSession':
      requireRunning(state);
      return [{ type: 'session.stopped', v: 1 }];
    case 'loseSession':
      requireRunning(state);
      return [{ type: 'session.lost', v: 1, cause: command.cause }];
    case 'recordPackages':
      return [{ type: 'packages.installed', v: 1, packages: [...command.packages] }];
    case 'addHome':
      if (state.homes.some((home) => home.url === command.url)) {
        throw new DeskPodError('HOME_ALREADY_KNOWN', `${command.url} is a home of this pod already`, {
          hint: 'Run `deskpod sync` to bring it up to date.',
        });
      }
      return [{ type: 'home.added', v: 1, url: command.url }];
    case 'removeHome':
      requireHome(state, command.url);
      return [{ type: 'home.removed', v: 1, url: command.url }];
    case 'acknowledgeHome':
      requireHome(state, command.url);
      return [
        {
          type: 'home.acknowledged',
          v: 1,
          url: command.url,
          seq: command.seq,
          recordHash: command.recordHash,
          sentBytes: command.sentBytes,
        },
      ];
    case 'noteReversion':
      requireHome(state, command.reversion.url);
      return [{ type: 'home.reverted', v: 1, ...command.reversion }];
    case 'branchAtHome':
      requireHome(state, command.branch.url);
      return [{ type: 'home.branched', v: 1, ...command.branch }];
    case 'equipHome':
      requireHome(state, command.equipment.url);
      return [{ type: 'home.equipped', v: 1, ...command.equipment }];
    case 'stripHome':
      requireHome(state, command.url);
      return [{ type: 'home.stripped', v: 1, url: command.url }];
    case 'leaseHome':
      requireHome(state, command.lease.url);
      return [{ type: 'home.leased', v: 1, ...command.lease }];
    case 'takeHomeNotes':
      return command.notes.filter((note) => isNews(state, note));
    case 'noteMove':
      return [{ type: 'device.moved', v: 1, place: command.place }];
    case 'forkDevice':
      return [{ type: 'device.forked', v: 1, ...command.fork }];
    case 'promoteDevice': {
      const { promotion } = command;
      for (const url of promotion.urls) requireHome(state, url);
      if (promotion.epoch <= state.epoch)
        throw new TypeError(`expected an epoch after ${state.epoch}, got ${promotion.epoch}`);
      return [{ type: 'device.promoted', v: 1, ...promotion }];
    }
    case 'completeRestore':
      findCheckpoint(state, command.restore.checkpoint);
      return [{ type: 'restore.completed', v: 1, epoch: state.epoch + 1, ...command.restore }];
    case 'completeVerify':
      return [{ type: 'verify.completed', v: 1, ...command.verify }];
    case 'recordHeals':
      return command.objects.map((object) => ({ type: 'object.healed', v: 1, ...object }));
    case 'forgetCheckpoints':
      requireForgettable(state, command.numbers);
      return [
        {
          type: 'checkpoints.forgotten',
          v: 1,
          numbers: [...command.numbers].sort((a, b) => a - b),
          policy: command.policy,
        },
      ];
    case 'prunePacks': {
      const { added, removed } = command;
      requireExchangeable(state, added, removed);
      return [{ type: 'packs.pruned', v: 1, added: [...added].sort(), removed: [...removed].sort() }];
    }
    case 'noteGap':
      return [{ type: 'watch.gap', v: 1, cause: command.cause }];
    case 'noteBarrier':
      return [...command.events];
    case 'setSchedule':
    case 'removeSchedule':
    case 'setReserve':
    case 'noteRoom':
      return decideScheduling(state.scheduling, command);
  }
}

/**
 * The checkpoint with this number.
 *
 * @throws DeskPodError CHECKPOINT_NOT_FOUND, naming the numbers that there are.
 */
export function findCheckpoint(state: PodState, number: number): Checkpoint {
  const found = state.checkpoints.find((checkpoint) => checkpoint.number === number);
  if (found === undefined) {
    const last = state.lastCheckpoint;
    const isForgotten = Number.isInteger(number) && number > 0 && number <= last;
    throw new DeskPodError(
      'CHECKPOINT_NOT_FOUND',
      isForgotten
        ? `checkpoint ${number} was forgotten by a prune`
        : `checkpoint ${number} is not in the log, which has ${last}`,
      {
        hint: 'List them with `deskpod checkpoints`.',
        details: { number, last },
      },
    );
  }
  return found;
}

function findImages(state: PodState, number: number): void {
  if (findCheckpoint(state, number).images === undefined) {
    throw new DeskPodError('CHECKPOINT_NOT_FOUND', `checkpoint ${number} holds files only, no processes`, {
      hint: 'Start a fresh session with `deskpod start --fresh`.',
      details: { number },
    });
  }
}

function sealed(state: PodState, content: SealedContent): CheckpointSealed {
  return { type: 'checkpoint.sealed', v: 1, number: state.lastCheckpoint + 1, ...content };
}

function besides(state: PodState, number: number, { doubt: answered, mounts }: Sealing): PodEvent[] {
  const events: PodEvent[] = [];
  if (mounts !== undefined && mounts.join('\n') !== state.mounts.join('\n'))
    events.push({ type: 'mounts.changed', v: 1, paths: mounts });
  if (answered === undefined) return events;
  const { isAccepted, ...doubt } = answered;
  if (isAccepted) events.push({ type: 'checkpoint.accepted', v: 1, number, against: doubt.against });
  else events.push({ type: 'checkpoint.doubted', v: 1, number, ...doubt });
  return events;
}

/** A doubt that lasts is logged once, though it may have grown since. */
function isSameDoubt(open: Doubt | undefined, doubt: Doubt): boolean {
  return open?.against === doubt.against && open.causes.join() === doubt.causes.join();
}

/** What a pod needs to go on is never forgotten, whoever asks. */
function requireForgettable(state: PodState, numbers: readonly number[]): void {
  const pinned = pinnedCheckpoints(state);
  for (const number of numbers) {
    findCheckpoint(state, number);
    if (pinned.has(number) || number === state.checkpoints.at(-1)?.number) {
      throw new TypeError(`expected checkpoints that the pod can do without, got ${number}`);
    }
  }
}

/** A pack that was removed once never comes back, and none is named twice. */
function requireExchangeable(state: PodState, added: readonly string[], removed: readonly string[]): void {
  const inForce = packsInForce(state.packs);
  const gone = new Set([...state.packs.removed, ...removed]);
  const wrong = added.find((name) => inForce.has(name) || gone.has(name));
  if (wrong !== undefined) throw new TypeError(`expected packs that nothing has named, got ${wrong}`);
}

/** What a home says of a pod that has removed it, or what the log has already, is no news. */
function isNews({ homes, provenRestore }: PodState, note: HomeNote): boolean {
  const home = homes.find(({ url }) => url === note.url);
  if (home === undefined) return false;
  return note.type === 'home.docked'
    ? note.seq > Math.max(home.seq, home.docked?.seq ?? 0)
    : note.provenAtMs > (provenRestore?.atMs ?? 0);
}

function processorUsed({ processorLevel }: PodState, processor: Processor): PodEvent {
  return { type: 'processor.used', v: 1, ...usableOf(processor, processorLevel) };
}

function refuseRunning(state: PodState): void {
  if (state.session.status === 'running') {
    throw new DeskPodError('SESSION_ALREADY_RUNNING', 'the session of this pod is running already', {
      hint: 'See it with `deskpod view`, or end it with `deskpod suspend`.',
    });
  }
}

function requireRunning(state: PodState): void {
  if (state.session.status !== 'running') {
    throw new DeskPodError('SESSION_NOT_RUNNING', `no session is running (it is ${state.session.status})`, {
      hint: 'Start it with `deskpod start`.',
    });
  }
}

function requireHome(state: PodState, url: string): void {
  if (!state.homes.some((home) => home.url === url)) {
    throw new DeskPodError('HOME_UNKNOWN', `${url} is not a home of this pod`, {
      hint: 'List its homes with `deskpod home list`.',
    });
  }
}
