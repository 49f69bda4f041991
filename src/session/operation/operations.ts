// What can be asked of an opened pod: the same names and answers in this process and over a supervisor's socket.

import type { AwaitedHistory } from '../../core/awaited-history.ts';
import type { BarrierTier } from '../../core/barrier-tier.ts';
import type { LoggedEvent } from '../../core/events.ts';
import type { HomeState } from '../../core/home-state.ts';
import type { MissingAtHome } from '../../core/missing-work.ts';
import type { PasskeyRequest } from '../../core/passkey-slot.ts';
import type { RetentionPolicy } from '../../core/retention.ts';
import type { SessionLimits } from '../../core/session-limits.ts';
import type { Checkpoint, PodState } from '../../core/state.ts';
import type { KeptHeads, Timeline } from '../../core/timeline.ts';
import type { TransferSettings } from '../../sync/home/lend-home.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import type { WorkReport } from '../../sync/medium/work-width.ts';
import type { HomeAllowance } from '../../sync/pod/allow-home.ts';
import type { BranchReport } from '../../sync/pod/branches.ts';
import type { KeyChangeReport, KeyReport, NewPasskey, RecoveryReport } from '../../sync/pod/change-keys.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import type { SyncReport } from '../../sync/pod/replicate.ts';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import type { CheckpointList } from '../../sync/retention/list-checkpoints.ts';
import type { PruneReport, PruneRequest } from '../../sync/retention/prune-report.ts';
import type { InstallReport } from '../pod/install-into.ts';
import type { Obstacle } from '../preflight/obstacle.ts';
import type { RuntimeReport } from '../runtime/device-runtime.ts';
import type { ReserveReport, SchedulingReport } from '../schedule/scheduling-report.ts';
import type { WireError } from '../supervisor/wire.ts';
import type { AddedTwin, TwinPlan } from '../twin/add-twin.ts';
import type { PresenceReport } from '../viewer/presence.ts';
import type { VerifyAnswer, VerifyParameters } from './verify-pod.ts';

/** What `status` answers. */
export interface StatusReport {
  readonly podId: string;
  readonly name: string;
  readonly kind: PodState['kind'];
  /** It only follows the pod, and has what the last sync to it brought. */
  readonly isTwin: boolean;
  readonly deviceId: string;
  readonly epoch: number;
  readonly vault: PodState['vault'];
  readonly seq: number;
  readonly session: PodState['session'];
  /** Host pid of the session's first process, while it runs here. */
  readonly rootPid: number | undefined;
  /** How much of a host its sessions may use, from their next start on. */
  readonly limits: SessionLimits;
  /** The tier of the barrier around the session, while it runs here. */
  readonly tier: BarrierTier | undefined;
  /** Whether a suspend would succeed; undefined if no session runs here, or a checkpoint is being made. */
  readonly suspend: SuspendForecast | undefined;
  /** Who looks at the session, and when it is suspended if nobody comes; undefined if it was not shown yet. */
  readonly viewers: PresenceReport | undefined;
  readonly base: string | undefined;
  readonly packages: readonly string[];
  readonly lastCheckpoint: Pick<Checkpoint, 'number' | 'atMs' | 'reason'> | undefined;
  /** How many there are. */
  readonly checkpointCount: number;
  /** What a person is asked about; with a `number` it was sealed as that checkpoint, without one nothing was. */
  readonly doubt: PodState['doubt'];
  /** Folders of a tree pod on which other file systems are mounted now: no checkpoint has what is in them. */
  readonly notCrossed: readonly string[];
  readonly homes: readonly HomeReport[];
  /** The checkpoints that it makes by itself, and the room that it keeps free. */
  readonly scheduling: SchedulingReport;
  /** How many threads work on its repository, and why; a supervisor of an earlier version does not say it. */
  readonly work?: WorkReport;
  /** When it was found on another medium, and no home has taken its history since. */
  readonly moved: PodState['moved'];
  /** The latest whole verify of each place, by structure and by data. */
  readonly verifications: PodState['verifications'];
  /** The last rebuild of the pod from a home. */
  readonly provenRestore: PodState['provenRestore'];
  /** What that left for later: packs that only older checkpoints need. */
  readonly awaited: AwaitedReport | undefined;
}

/** What older checkpoints need, and why it does not come at the moment, if it does not. */
export interface AwaitedReport extends AwaitedHistory {
  readonly failure?: AwaitedFailure;
}

/** It is tried again by itself. */
export interface AwaitedFailure {
  readonly atMs: number;
  readonly error: WireError;
}

/** What a look through the session says of a suspend. */
export interface SuspendForecast {
  /** False if something is in the way that does not pass by itself. */
  readonly wouldSucceed: boolean;
  readonly obstacles: readonly (Obstacle & { readonly sentence: string })[];
}

/** A home, and how much of the pod it lacks. */
export interface HomeReport extends HomeState, MissingAtHome {
  /** It is a device that can be started when this one is lost. */
  readonly isTwin: boolean;
  /** A twin that is not plugged in; nothing is known of other homes before they are asked. */
  readonly isAway: boolean;
}

/** Which homes are synced, and how. */
export interface SyncParameters extends TransferSettings {
  /** One home only. */
  readonly url?: string;
  /** What an rsync daemon asks for. */
  readonly homePassword?: string;
}

/** What a sync did for one home, or why it failed there. */
export type SyncOutcome = SyncReport | FailedHome;

/** A home that something failed for. */
export interface FailedHome {
  readonly url: string;
  readonly error: WireError;
}

/** The branches of a pod at one home, or why they are not known. */
export type HomeBranches = { readonly url: string; readonly branches: readonly BranchReport[] } | FailedHome;

/** What `start` answers. */
export interface StartReport {
  readonly podId: string;
  readonly resumedCheckpoint: number | undefined;
  /** From the unlocked keyring to the processes running. */
  readonly resumeMs: number;
  /** From the unlocked keyring to the first whole picture from the display. */
  readonly firstPixelMs: number;
  /** Time that the passphrase itself took. */
  readonly unlockMs: number;
  /** The tier of the barrier around it. */
  readonly tier: BarrierTier;
  /** The device was a twin, and became the pod before all that the other times count. */
  readonly promotion?: NewDevice;
  readonly warnings: readonly string[];
  /** The files as they were until now, if it went back to a checkpoint. */
  readonly presentCheckpoint?: number;
}

/** What each operation takes and answers. */
export interface Operations {
  status: { parameters: object; answer: StatusReport };
  log: {
    parameters: {
      readonly since: number;
      /** The last position that is wanted. */
      readonly until?: number;
    };
    answer: {
      readonly events: readonly LoggedEvent[];
      /** Position of the last event that there is. */
      readonly seq: number;
    };
  };
  /** Every checkpoint that can be had here or at home, in few words. */
  timeline: {
    /** What homes are known to have kept. */
    parameters: { readonly kept?: readonly KeptHeads[] };
    answer: Timeline;
  };
  checkpoints: {
    /** With a policy the answer says what it would keep. */
    parameters: { readonly policy?: RetentionPolicy };
    answer: CheckpointList;
  };
  checkpoint: {
    parameters: {
      /** It seals what looks like a loss, and that is normal from now on. */
      readonly acceptsChanges?: boolean;
      /** The pod meets its home, which is the checkpoint's reason. */
      readonly isForDock?: boolean;
    };
    answer: CheckpointReport;
  };
  suspend: { parameters: object; answer: CheckpointReport };
  stop: { parameters: object; answer: object };
  /** All limits are replaced, for sessions from the next start on. */
  limit: { parameters: { readonly limits: SessionLimits }; answer: object };
  install: {
    parameters: { readonly packages: readonly string[] };
    answer: InstallReport;
  };
  view: { parameters: object; answer: { readonly url: string } };
  screenshot: { parameters: object; answer: { readonly pngBase64: string } };
  'home-add': {
    parameters: {
      /** The path, if it is to be a twin. */
      readonly url: string;
      readonly homePassword?: string;
      readonly twin?: Omit<TwinPlan, 'path'>;
    };
    answer: AddedTwin;
  };
  'home-list': { parameters: object; answer: { readonly homes: readonly HomeReport[] } };
  /** Lets a home take over by itself what lies on the device, and read the pod if it says so. */
  'home-allow': { parameters: KeyParameters & HomeAllowance; answer: KeyChangeReport };
  'home-lease': {
    parameters: { readonly url: string; readonly leaseMs?: number };
    answer: { readonly url: string; readonly leaseMs?: number };
  };
  'home-remove': {
    parameters: { readonly url: string };
    answer: { readonly url: string; readonly warnings: readonly string[] };
  };
  sync: {
    parameters: SyncParameters;
    /** `warnings` are what hooks had to say. */
    answer: { readonly homes: readonly SyncOutcome[]; readonly warnings?: readonly string[] };
  };
  /** The branches of the pod at each of its homes. */
  branches: { parameters: object; answer: { readonly homes: readonly HomeBranches[] } };
  fork: { parameters: object; answer: { readonly deviceId: string } };
  /** Homes that keep this device as a branch go on with it: all of them, or the one at `url`. */
  promote: {
    parameters: Omit<SyncParameters, keyof TransferSettings>;
    answer: {
      readonly deviceId: string;
      readonly epoch: number;
      /** URLs of the homes that kept it as a branch; none if nothing changed. */
      readonly promotedAt: readonly string[];
      /** What the sync did that told them. */
      readonly homes: readonly SyncOutcome[];
    };
  };
  verify: { parameters: VerifyParameters; answer: VerifyAnswer };
  /** What a desktop's device carries for hosts that have nothing. */
  'runtime-check': { parameters: object; answer: RuntimeReport };
  /** This host's takes the place of any other. */
  'runtime-put': { parameters: object; answer: RuntimeReport };
  'runtime-remove': { parameters: object; answer: RuntimeReport };
  prune: { parameters: PruneRequest; answer: PruneReport };
  'schedule-list': { parameters: object; answer: SchedulingReport };
  'schedule-add': {
    parameters: {
      /** Plain words, or an expression of cron. */
      readonly words: string;
      readonly jitterMs?: number;
    };
    answer: { readonly number: number; readonly words: string };
  };
  'schedule-remove': { parameters: { readonly number: number }; answer: { readonly number: number } };
  reserve: {
    /** 0 for none; without it, as much as is usual for the device. */
    parameters: { readonly reserveBytes?: number };
    answer: { readonly reserve: ReserveReport | undefined };
  };
  'key-list': {
    parameters: object;
    answer: { readonly generation: number; readonly slots: readonly KeyReport[] };
  };
  'key-add': { parameters: KeyParameters & NewPassphraseParameters; answer: KeyChangeReport };
  'key-change': {
    parameters: KeyParameters & NewPassphraseParameters & { readonly slot?: string };
    answer: KeyChangeReport;
  };
  'key-recovery': {
    parameters: KeyParameters & { readonly label?: string; readonly isReplacing: boolean };
    answer: RecoveryReport;
  };
  /** Shows that a key opens the pod, before the user is asked for more. */
  'key-prove': {
    parameters: KeyParameters;
    answer: { readonly podName: string; readonly passkeys: readonly PasskeyRequest[] };
  };
  'key-passkey': { parameters: KeyParameters & { readonly passkey: NewPasskey }; answer: KeyChangeReport };
  'key-remove': {
    parameters: KeyParameters & { readonly slot: string; readonly isConfirmed: boolean };
    answer: KeyChangeReport;
  };
}

/** Whoever changes what opens a pod shows that he can open it, also while it is open. */
export interface KeyParameters {
  readonly credential: Credential;
}

/** A passphrase to be taken on. */
export interface NewPassphraseParameters {
  readonly passphrase: string;
  readonly label?: string;
}

/** The name of an operation. */
export type OperationName = keyof Operations;
