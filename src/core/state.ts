// The state of a pod: a pure fold of its log.
import { type Append, appendInRun, appendToCopy } from './append.ts';
import { type AwaitedHistory, awaitedAfter } from './awaited-history.ts';
import type { Doubt } from './checkpoint-doubt.ts';
import type { CheckpointSealed, LoggedEvent, PodKind, VerifyCompleted, VerifyDepth } from './events.ts';
import { type CarriedRuntime, type HomeState, homesAfter, homesPromoted } from './home-state.ts';
import { exchangePacks, NO_PACKS, namePacks, type PackState } from './packs-in-force.ts';
import { bothOf, type Processor, type ProcessorLevel } from './processor.ts';
import { evolveScheduling, NO_SCHEDULES, type Scheduling } from './scheduling.ts';
import type { SessionLimits } from './session-limits.ts';
import { type UseDay, useDaysAfter } from './use-days.ts';

/** A checkpoint as the state remembers it. */
export interface Checkpoint extends Omit<CheckpointSealed, 'type' | 'v'> {
  /** What its processes need, if it has some and that is known. */
  readonly processor?: Processor;
  readonly seq: number;
  readonly atMs: number;
}

/** A device that lies on another medium than before. */
export interface MovedState {
  readonly atMs: number;
  readonly place: string;
}

/** A keyring that another one took the place of. */
export interface FormerKeyring {
  /** SHA-256 of the object. */
  readonly name: string;
  /** Position of the event that replaced it. */
  readonly replacedSeq: number;
}

/**
 * `none`: never started, or stopped. `running`: alive as far as the log knows. `suspended`: its processes are those of
 * `checkpoint`, and the layer has not changed since. `lost`: it ended without a checkpoint.
 */
export type SessionState =
  | { readonly status: 'none' }
  | { readonly status: 'running'; readonly sinceMs: number }
  | { readonly status: 'suspended'; readonly checkpoint: number }
  | { readonly status: 'lost'; readonly cause: string };

/** The latest whole verify of one place and depth. */
export interface VerificationState {
  readonly place: string;
  readonly depth: VerifyDepth;
  readonly seq: number;
  readonly atMs: number;
  /** Objects that were damaged or missing, and were not healed. */
  readonly leftCount: number;
}

/** A doubt that nobody has answered yet. */
export interface OpenDoubt extends Doubt {
  /** Of the doubtful checkpoint; undefined if none was sealed. */
  readonly number: number | undefined;
  readonly seq: number;
  readonly atMs: number;
}

/** A rebuild of the pod from a home: on another device, or as a drill. */
export interface ProvenRestore {
  readonly url: string;
  /** The checkpoint that files were brought to. */
  readonly checkpoint: number;
  readonly seq: number;
  readonly atMs: number;
  /** How long a drill took; unknown of a rebuild of the device itself. */
  readonly durationMs?: number;
  /** Whether its session went on, in a drill. */
  readonly hasSession?: boolean;
}

/** A checkpoint that was sealed though it was doubtful. */
export interface DoubtedCheckpoint {
  readonly number: number;
  readonly against: number;
}

/** Everything that the log says, at one position of it. */
export interface PodState {
  /** Position in the log that this state reflects; 0 before the first event. */
  readonly seq: number;
  readonly podId: string;
  readonly deviceId: string;
  readonly epoch: number;
  /** Position of the event by which this device began: what is before it may be of others. */
  readonly deviceSeq: number;
  /** Position of the latest event by which a copy went its own way; 0 if there is none. */
  readonly forkedSeq: number;
  /** There while it is not known whether the device was moved or copied: until a home has taken its history. */
  readonly moved: MovedState | undefined;
  readonly kind: PodKind;
  readonly name: string;
  readonly vault: 'fscrypt' | 'luks' | 'none';
  readonly createdAtMs: number;
  readonly keyring: string;
  /** Keyrings that are not in force any more. */
  readonly formerKeyrings: readonly FormerKeyring[];
  /** SHA-256 of the base in use; undefined for a tree pod. */
  readonly base: { readonly sha256: string; readonly name: string; readonly sizeBytes: number } | undefined;
  /** What the device carries for hosts that have nothing; undefined if it carries no runtime. */
  readonly runtime: CarriedRuntime | undefined;
  readonly session: SessionState;
  /** What the processes of the running session need, or of the last one; undefined if that is not known. */
  readonly processor: Processor | undefined;
  /** What sessions are kept to. */
  readonly processorLevel: ProcessorLevel | undefined;
  /** How much of a host sessions may use. */
  readonly limits: SessionLimits;
  /** Those that were not forgotten, oldest first. */
  readonly checkpoints: readonly Checkpoint[];
  /** Number of the checkpoint that was sealed last, forgotten or not; 0 before the first. */
  readonly lastCheckpoint: number;
  /** Number of the checkpoint that the files come from, as far as nobody doubts them; 0 before the first. */
  readonly reference: number;
  /** What the next checkpoint is asked about. */
  readonly doubt: OpenDoubt | undefined;
  /** Those that nobody has accepted since. */
  readonly doubted: readonly DoubtedCheckpoint[];
  /** Paths in the tree that something was mounted on when a checkpoint was last sealed. */
  readonly mounts: readonly string[];
  readonly packs: PackState;
  /** When checkpoints are made by themselves, and how much of the device stays free for them. */
  readonly scheduling: Scheduling;
  readonly homes: readonly HomeState[];
  /** The latest time that any event has: a clock that says an earlier one is behind. */
  readonly clockMs: number;
  readonly packages: readonly string[];
  /** Days on which it was used, the latest last. */
  readonly useDays: readonly UseDay[];
  /** One for each place and depth that was ever verified as a whole. */
  readonly verifications: readonly VerificationState[];
  /** The last rebuild of the pod from a home, a drill or not: what that home has can be restored, as far as it went. */
  readonly provenRestore: ProvenRestore | undefined;
  /** What a restore left for later, and is not known to be here yet. */
  readonly awaited: AwaitedHistory | undefined;
}

/** The state before the first event. */
export const INITIAL_STATE: PodState = {
  seq: 0,
  clockMs: 0,
  podId: '',
  deviceId: '',
  epoch: 0,
  deviceSeq: 0,
  forkedSeq: 0,
  moved: undefined,
  kind: 'desktop',
  name: '',
  vault: 'none',
  createdAtMs: 0,
  keyring: '',
  formerKeyrings: [],
  base: undefined,
  runtime: undefined,
  session: { status: 'none' },
  processor: undefined,
  processorLevel: undefined,
  limits: {},
  checkpoints: [],
  lastCheckpoint: 0,
  reference: 0,
  doubt: undefined,
  doubted: [],
  mounts: [],
  packs: NO_PACKS,
  scheduling: NO_SCHEDULES,
  homes: [],
  packages: [],
  useDays: [],
  verifications: [],
  provenRestore: undefined,
  awaited: undefined,
};

/**
 * The state after one more event. Total: every event of the union has its case, or this does not compile. `append` makes the lists
 * that only grow; the state before stays as it is unless {@link fold} says otherwise.
 */
export function evolve(state: PodState, logged: LoggedEvent, append: Append = appendToCopy): PodState {
  const { seq, atMs, event } = logged;
  const { clockMs } = state;
  const next: PodState = {
    ...state,
    seq,
    clockMs: Math.max(state.clockMs, atMs),
    scheduling: evolveScheduling(state.scheduling, logged),
    useDays: useDaysAfter(state.useDays, logged, state.session.status === 'running'),
  };
  switch (event.type) {
    case 'pod.created': {
      const { podId, deviceId, epoch, kind, name, keyring, vault } = event;
      return {
        ...next,
        podId,
        deviceId,
        epoch,
        kind,
        name,
        keyring,
        vault,
        deviceSeq: seq,
        createdAtMs: atMs,
      };
    }
    case 'keyring.changed':
      return {
        ...next,
        keyring: event.keyring,
        formerKeyrings: [...state.formerKeyrings, { name: state.keyring, replacedSeq: seq }],
      };
    case 'base.added':
      return { ...next, base: { sha256: event.sha256, name: event.name, sizeBytes: event.sizeBytes } };
    case 'runtime.put': {
      const { sha256, entrySha256, sizeBytes } = event;
      return { ...next, runtime: { sha256, entrySha256, sizeBytes } };
    }
    case 'runtime.removed':
      return { ...next, runtime: undefined };
    case 'session.started':
      return { ...next, session: { status: 'running', sinceMs: atMs }, processor: undefined };
    case 'session.resumed': {
      const session: SessionState = { status: 'running', sinceMs: atMs };
      const processor = state.checkpoints.find(({ number }) => number === event.checkpoint)?.processor;
      return { ...standingAt(next, event.checkpoint), session, processor };
    }
    case 'processor.used':
      return { ...next, processor: bothOf(state.processor, event) };
    case 'processor.limited':
      return { ...next, processorLevel: event.level };
    case 'session.limited': {
      const { type: _type, v: _v, ...limits } = event;
      return { ...next, limits };
    }
    case 'session.suspended':
      return { ...next, session: { status: 'suspended', checkpoint: event.checkpoint } };
    case 'session.stopped':
      return { ...next, session: { status: 'none' } };
    case 'session.lost':
      return { ...next, session: { status: 'lost', cause: event.cause } };
    case 'packages.installed':
      return { ...next, packages: [...new Set([...state.packages, ...event.packages])].sort() };
    case 'checkpoint.sealed': {
      const { type: _type, v: _v, ...checkpoint } = event;
      const { processor } = state;
      const needs = event.images === undefined || processor === undefined ? {} : { processor };
      return {
        ...next,
        checkpoints: append(state.checkpoints, { ...checkpoint, ...needs, seq, atMs }),
        lastCheckpoint: event.number,
        reference: event.number,
        doubt: undefined,
        packs: namePacks(state.packs, seq, event.packs, append),
      };
    }
    case 'home.acknowledged':
      return { ...next, homes: homesAfter(state.homes, event, { atMs, clockMs }), moved: undefined };
    case 'home.added':
    case 'home.removed':
    case 'home.reverted':
    case 'home.branched':
    case 'home.equipped':
    case 'home.stripped':
    case 'home.leased':
    case 'home.docked':
      return { ...next, homes: homesAfter(state.homes, event, { atMs, clockMs }) };
    case 'device.moved':
      return { ...next, moved: { atMs, place: event.place } };
    case 'device.forked':
      return { ...next, deviceId: event.deviceId, deviceSeq: seq, forkedSeq: seq, moved: undefined };
    case 'device.promoted': {
      const { deviceId, epoch, urls } = event;
      const homes = homesPromoted(state.homes, urls);
      return { ...next, deviceId, epoch, deviceSeq: seq, moved: undefined, homes };
    }
    case 'restore.completed': {
      const { epoch, deviceId, checkpoint, vault } = event;
      const sealed = state.checkpoints.find((candidate) => candidate.number === checkpoint);
      const session: SessionState =
        sealed?.images === undefined ? { status: 'none' } : { status: 'suspended', checkpoint };
      return {
        ...standingAt(next, checkpoint),
        // of the device before
        runtime: undefined,
        epoch,
        deviceId,
        deviceSeq: seq,
        moved: undefined,
        vault,
        session,
        provenRestore: { url: event.url, checkpoint, seq, atMs },
        awaited: event.awaited,
      };
    }
    case 'restore.proven': {
      const { url, checkpoint, provenAtMs, durationMs, hasSession } = event;
      const provenRestore = { url, checkpoint, seq, atMs: provenAtMs, durationMs, hasSession };
      return { ...next, provenRestore };
    }
    case 'verify.completed':
      return event.isWhole
        ? {
            ...next,
            verifications: verifiedAt(state.verifications, event, seq, atMs),
            awaited: awaitedAfter(state.awaited, event),
          }
        : next;
    case 'object.healed':
    case 'watch.gap':
    case 'schedule.set':
    case 'schedule.removed':
    case 'reserve.set':
    case 'reserve.short':
    case 'reserve.kept':
    case 'barrier.violation':
    case 'barrier.gap':
      return next;
    case 'checkpoints.forgotten': {
      const forgotten = new Set(event.numbers);
      return {
        ...next,
        checkpoints: state.checkpoints.filter(({ number }) => !forgotten.has(number)),
        doubted: state.doubted.filter(({ number }) => !forgotten.has(number)),
      };
    }
    case 'packs.pruned':
      return { ...next, packs: exchangePacks(state.packs, seq, event) };
    case 'checkpoint.doubted': {
      const { type: _type, v: _v, number, ...doubt } = event;
      const doubted = number === undefined ? [] : [{ number, against: event.against }];
      return {
        ...next,
        reference: event.against,
        doubt: { ...doubt, number, seq, atMs },
        doubted: [...state.doubted, ...doubted],
      };
    }
    case 'checkpoint.accepted':
      // who says that it is right says so of all that were compared with the same
      return { ...next, doubted: state.doubted.filter(({ against }) => against !== event.against) };
    case 'mounts.changed':
      return { ...next, mounts: event.paths };
    default:
      return unreachable(event);
  }
}

/** The files are those of a checkpoint again: what was doubtful about others is answered with it. */
function standingAt(state: PodState, checkpoint: number): PodState {
  const doubted = state.doubted.find(({ number }) => number === checkpoint);
  if (doubted === undefined) return { ...state, reference: checkpoint, doubt: undefined };
  const isOpen = state.doubt?.against === doubted.against;
  return { ...state, reference: doubted.against, doubt: isOpen ? state.doubt : undefined };
}

function verifiedAt(
  former: readonly VerificationState[],
  { place, depth, damagedCount, healedCount }: VerifyCompleted,
  seq: number,
  atMs: number,
): VerificationState[] {
  const others = former.filter((each) => each.place !== place || each.depth !== depth);
  return [...others, { place, depth, seq, atMs, leftCount: damagedCount - healedCount }];
}

/** The state that a run of events leads to. */
export function fold(events: Iterable<LoggedEvent>, from: PodState = INITIAL_STATE): PodState {
  let state = from;
  const append = appendInRun();
  for (const logged of events) state = evolve(state, logged, append);
  return state;
}

/** The newest checkpoint, or undefined before the first. */
export function latestCheckpoint(state: PodState): Checkpoint | undefined {
  return state.checkpoints.at(-1);
}

/** The checkpoint that the next one is compared with, or undefined before the first. */
export function referenceCheckpoint(state: PodState): Checkpoint | undefined {
  return state.checkpoints.find(({ number }) => number === state.reference);
}

function unreachable(event: never): never {
  throw new TypeError(`event without a fold: ${JSON.stringify(event)}`);
}
