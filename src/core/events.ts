// Every fact that a log can hold. Events are forever: a changed shape gets a new `v`, an old one is never edited.
import type { AwaitedHistory } from './awaited-history.ts';
import type { BarrierEvent } from './barrier-events.ts';
import type { Doubt } from './checkpoint-doubt.ts';
import type { HomeEvent } from './home-events.ts';
import type { ProcessorLevel } from './processor.ts';
import type { Root } from './root.ts';
import type { ScheduleEvent } from './schedule-events.ts';
import type { SessionLimits } from './session-limits.ts';

/** What a pod contains: a desktop with a session, or just a folder. */
export type PodKind = 'desktop' | 'tree';

/** Why a checkpoint was made. `install` and `files` hold no processes unless `images` says so. */
export type CheckpointReason = 'suspend' | 'live' | 'files' | 'install' | 'schedule' | 'dock';

/** A host, as far as resuming on another one needs to know it. */
export interface HostFacts {
  readonly kernel: string;
  readonly machine: string;
}

export interface PodCreated {
  readonly type: 'pod.created';
  readonly v: 1;
  readonly podId: string;
  readonly deviceId: string;
  readonly epoch: 1;
  readonly kind: PodKind;
  readonly name: string;
  /** SHA-256 of the keyring object, hexadecimal. */
  readonly keyring: string;
  /** How the vault is encrypted; a tree pod has none. */
  readonly vault: 'fscrypt' | 'luks' | 'none';
}

export interface KeyringChanged {
  readonly type: 'keyring.changed';
  readonly v: 1;
  readonly keyring: string;
  readonly generation: number;
}

export interface BaseAdded {
  readonly type: 'base.added';
  readonly v: 1;
  readonly name: string;
  /** SHA-256 of the image file, which is also its object name. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface SessionStarted {
  readonly type: 'session.started';
  readonly v: 1;
  readonly base: string;
  readonly host: HostFacts;
}

export interface SessionResumed {
  readonly type: 'session.resumed';
  readonly v: 1;
  /** Number of the checkpoint whose processes go on. */
  readonly checkpoint: number;
  readonly host: HostFacts;
  readonly resumeMs: number;
}

/** Processes of the session that runs may use these features from now on: whoever goes on with them must have them. */
export interface ProcessorUsed {
  readonly type: 'processor.used';
  readonly v: 1;
  readonly machine: string;
  readonly features: readonly string[];
}

/** The device carries this runtime from now on, in its plain part: what is found there can be compared with it. */
export interface RuntimePut {
  readonly type: 'runtime.put';
  readonly v: 1;
  /** SHA-256 of the image, hexadecimal. */
  readonly sha256: string;
  /** SHA-256 of the script that starts it, hexadecimal. */
  readonly entrySha256: string;
  /** Length of the image. */
  readonly sizeBytes: number;
}

/** The device carries no runtime any more. */
export interface RuntimeRemoved {
  readonly type: 'runtime.removed';
  readonly v: 1;
}

/** Sessions of this pod use nothing beyond a level of x86-64. */
export interface ProcessorLimited {
  readonly type: 'processor.limited';
  readonly v: 1;
  readonly level: ProcessorLevel;
}

/** Sessions of this pod use no more of a host from their next start on. All limits are replaced: one left out is none. */
export interface SessionLimited extends SessionLimits {
  readonly type: 'session.limited';
  readonly v: 1;
}

export interface SessionSuspended {
  readonly type: 'session.suspended';
  readonly v: 1;
  readonly checkpoint: number;
}

export interface SessionStopped {
  readonly type: 'session.stopped';
  readonly v: 1;
}

/** The session was found gone: its host died, its drive was pulled, or it ended by itself. */
export interface SessionLost {
  readonly type: 'session.lost';
  readonly v: 1;
  readonly cause: string;
}

export interface PackagesInstalled {
  readonly type: 'packages.installed';
  readonly v: 1;
  readonly packages: readonly string[];
}

export interface CheckpointSealed {
  readonly type: 'checkpoint.sealed';
  readonly v: 1;
  /** Counts from 1 over the whole life of the pod, across devices. */
  readonly number: number;
  readonly reason: CheckpointReason;
  /** Manifest of the layer, or of a tree pod's folder. */
  readonly files: Root;
  /** Manifest of the process images, and of a picture of the screen; absent for a checkpoint of files only. */
  readonly images?: Root;
  /** SHA-256 of the base under the layer; absent for a tree pod. */
  readonly base?: string;
  /** Names (SHA-256 of ciphertext) of the packs that this checkpoint added. */
  readonly packs: readonly string[];
  readonly stats: CheckpointStats;
}

export interface CheckpointStats {
  readonly fileCount: number;
  /** Length of all files, in bytes. */
  readonly fileBytes: number;
  /** Length of the raw process images, in bytes, and of the picture beside them. */
  readonly imageBytes: number;
  /** Bytes of the packs that it added. */
  readonly storedBytes: number;
  /** How long the session stood still, in milliseconds. */
  readonly pauseMs: number;
}

/** The device was found on another medium than its marker was made on: it was moved there, or copied. */
export interface DeviceMoved {
  readonly type: 'device.moved';
  readonly v: 1;
  /** What it lies on now, for people. */
  readonly place: string;
}

/** The device is a copy that goes its own way: it has a name of its own from here on. */
export interface DeviceForked {
  readonly type: 'device.forked';
  readonly v: 1;
  readonly deviceId: string;
  /** `asked`: the user said so. `found`: at home, another copy had gone on under the former name. */
  readonly cause: 'asked' | 'found';
}

/** Homes that kept this device's history as a branch, or had all of it, go on with it: as a new device in a new epoch. */
export interface DevicePromoted {
  readonly type: 'device.promoted';
  readonly v: 1;
  readonly deviceId: string;
  readonly epoch: number;
  /** Those homes. */
  readonly urls: readonly string[];
}

/** This device was rebuilt from home; the device of the epoch before is fenced. */
export interface RestoreCompleted {
  readonly type: 'restore.completed';
  readonly v: 1;
  readonly url: string;
  readonly epoch: number;
  readonly deviceId: string;
  /** Checkpoint that the files of this device stand at. */
  readonly checkpoint: number;
  /** How the new device's vault is encrypted. */
  readonly vault: PodCreated['vault'];
  /** Packs that come after it, which older checkpoints need; absent if all were there. */
  readonly awaited?: AwaitedHistory;
}

/** The pod was rebuilt from a home to see that it can be, somewhere that was removed again. */
export interface RestoreProven {
  readonly type: 'restore.proven';
  readonly v: 1;
  readonly url: string;
  readonly checkpoint: number;
  /** When, by the clock of the computer that it was done on. */
  readonly provenAtMs: number;
  /** How long it took until the files were there, and the session went on if it had one. */
  readonly durationMs: number;
  /** Length of all that came from home. */
  readonly readBytes: number;
  /** True if the session went on there, and showed what the checkpoint's picture shows. */
  readonly hasSession: boolean;
}

/** What a verify looked at: that everything is in its place, or also every byte of it. */
export type VerifyDepth = 'structure' | 'data';

/** A repository was verified: the device's, or a home's. */
export interface VerifyCompleted {
  readonly type: 'verify.completed';
  readonly v: 1;
  /** `device`, or the URL of the home. */
  readonly place: string;
  readonly depth: VerifyDepth;
  /** True if it went over all that its depth means; false for a sample, or if it was stopped. */
  readonly isWhole: boolean;
  readonly objectCount: number;
  /** Bytes of objects that were read from end to end. */
  readonly readBytes: number;
  /** The first of the objects that were found damaged or missing, as `packs/NAME`. */
  readonly damaged: readonly string[];
  readonly damagedCount: number;
  /** How many of them are whole again. */
  readonly healedCount: number;
  readonly durationMs: number;
}

/** An object that was damaged or missing on one side was put in its place again from another. */
export interface ObjectHealed {
  readonly type: 'object.healed';
  readonly v: 1;
  readonly kind: string;
  readonly name: string;
  /** Where it is whole again: `device`, or the URL of a home. */
  readonly place: string;
  /** Where it came from: the URL of a home, or `device`. */
  readonly from: string;
}

/** Checkpoints are given up. Their numbers never come again; what only they need may go with the next prune of packs. */
export interface CheckpointsForgotten {
  readonly type: 'checkpoints.forgotten';
  readonly v: 1;
  readonly numbers: readonly number[];
  /** The policy that was asked for, in words: `last 3, daily 7`. */
  readonly policy: string;
}

/** From here on other packs are in force. Files of the removed ones may lie there a while longer. */
export interface PacksPruned {
  readonly type: 'packs.pruned';
  readonly v: 1;
  /** Packs that hold what was still needed of those removed, and others that nothing had named. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** A watch on the pod's files may have missed something: the next checkpoint looks at all of them. */
export interface WatchGap {
  readonly type: 'watch.gap';
  readonly v: 1;
  readonly cause: string;
}

/**
 * What a checkpoint would hold looks like a loss. With a number it was sealed all the same, in the same append, as a
 * suspend must not lose the session; without one nothing was sealed.
 */
export interface CheckpointDoubted extends Doubt {
  readonly type: 'checkpoint.doubted';
  readonly v: 1;
  readonly number?: number;
}

/** A doubtful checkpoint was sealed because a person said that it is right; in the same append. */
export interface CheckpointAccepted {
  readonly type: 'checkpoint.accepted';
  readonly v: 1;
  readonly number: number;
  /** The checkpoint that it had been compared with. */
  readonly against: number;
}

/** What is mounted in a tree pod's folder is not what it was; in the append of the checkpoint that was sealed so. */
export interface MountsChanged {
  readonly type: 'mounts.changed';
  readonly v: 1;
  /** All paths in the tree that something is mounted on, as people are shown them. */
  readonly paths: readonly string[];
}

/** Any fact of a pod's log. */
export type PodEvent =
  | BarrierEvent
  | HomeEvent
  | ScheduleEvent
  | PodCreated
  | KeyringChanged
  | BaseAdded
  | SessionStarted
  | SessionResumed
  | SessionSuspended
  | SessionStopped
  | SessionLost
  | PackagesInstalled
  | CheckpointSealed
  | DeviceMoved
  | DeviceForked
  | DevicePromoted
  | RestoreCompleted
  | RestoreProven
  | VerifyCompleted
  | ObjectHealed
  | CheckpointsForgotten
  | PacksPruned
  | WatchGap
  | CheckpointDoubted
  | CheckpointAccepted
  | MountsChanged
  | RuntimePut
  | RuntimeRemoved
  | ProcessorUsed
  | ProcessorLimited
  | SessionLimited;

/** An event with its place in the log and the wall-clock time of its device. */
export interface LoggedEvent {
  readonly seq: number;
  readonly atMs: number;
  readonly event: PodEvent;
}
