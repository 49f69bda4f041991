// The dashboard's web API: every request that its pages may make, and every answer. Types only; docs/API.md tells it in prose.
//
// All paths are relative to the room, `/SECRET/`, which the one-time link leads into: the page lies at ROOM/dashboard/ and asks
// for `../api/…`; its WebSocket is `../live`. All answers need the cookie: without it there is a 403 of plain text. POST bodies
// are JSON with `Content-Type: application/json` (else 415), of at most 64 KiB (else 413), and need the Origin of the page, which
// browsers send. Any other answer with a status other than 200 is JSON: {@link Refusal}.
//
//   GET  api/overview                                     → Overview
//   GET  api/pods/ID/timeline                             → Timeline, oldest first; about 200 bytes for each checkpoint
//   GET  api/pods/ID/events?before=SEQ&limit=N            → EventPage; to filter: types=a,b topics=a,b weight=warning words=text
//                                                           sinceMs=T untilMs=T (by atMs)
//   GET  api/pods/ID/changes?before=N&after=M             → Difference  (counts of a diff without its items; kept, so cheap)
//   GET  api/pods/ID/picture?checkpoint=N                 → image/png (204 if the checkpoint has none; ask only where hasSession)
//   GET  api/pods/ID/file?checkpoint=N&path=P             → the bytes, as a download; `pathBase64` for names that are no UTF-8
//   POST api/pods/ID/v1/NAME    PageOperations / PageStreams → NDJSON of AnswerLine; the last line is a result or an error
//   POST api/pods/ID/resume     ResumeRequest             → NDJSON of AnswerLine<ResumeAnswer>
//   POST api/pods/ID/unlock     UnlockRequest             → UnlockAnswer
//   POST api/pods/ID/lock       {}                        → {}
//   POST api/look               {}                        → Overview, after looking at everything again
//   POST api/restore            {}                        → WizardAnswer: the restore wizard, in a page of its own
//   WebSocket live                                        → LiveMessage, one JSON text each; pages send nothing
//
// A request for what needs the key of a locked pod ends with the error code VAULT_LOCKED (status 200 where the answer is
// NDJSON, else 409): ask for the passphrase, POST unlock, ask again.

import type { BarrierTier } from '../../core/barrier-tier.ts';
import type { EventWords } from '../../core/event-words.ts';
import type { PodEvent, PodKind } from '../../core/events.ts';
import type { Health } from '../../core/health.ts';
import type { WorkSpan } from '../../core/missing-work.ts';
import type { Progress } from '../../core/progress.ts';
import type { SessionState, VerificationState } from '../../core/state.ts';
import type { Timeline, TimelineCheckpoint } from '../../core/timeline.ts';
import type { MissingUse } from '../../core/use-days.ts';
import type { Difference } from '../../sync/browse/diff-checkpoints.ts';
import type {
  HomeReport,
  Operations,
  StartReport,
  StatusReport,
  SuspendForecast,
} from '../operation/operations.ts';
import type { StreamOperations } from '../operation/stream-operations.ts';
import type { ReserveReport } from '../schedule/scheduling-report.ts';
import type { WireError } from '../supervisor/wire.ts';
import type { TierReport } from '../tier/examine-tier.ts';

/** The body of every answer whose status is not 200. */
export interface Refusal {
  readonly error: WireError;
}

/** All that this computer knows of pods and homes at a moment. */
export interface Overview {
  /** Goes up by one with each change; starts anew with the program. */
  readonly revision: number;
  /** By the clock of this computer, as all times but those of the log. */
  readonly atMs: number;
  /** What this computer calls itself. */
  readonly host: string;
  /** False if the program is not root: pods on devices are then seen as far as they are running. */
  readonly isRoot: boolean;
  /** What is between sessions and this computer, and what is in the way of more; undefined until it was looked at. */
  readonly barrier: TierReport | undefined;
  /** Running ones first, then by name. Empty is usual on a computer that was only just set up. */
  readonly pods: readonly PodOverview[];
  /** Places that pods are copied to: those that the pods here name, and those named at the start. */
  readonly homes: readonly HomeOverview[];
}

/**
 * How far one gets with a pod. `open`: a supervisor answers for it. `unlocked`: this program holds its passphrase for a while
 * and opens it for each request. `locked`: a passphrase is needed. `away`: it was here and is not plugged in now.
 */
export type PodAccess = 'open' | 'unlocked' | 'locked' | 'away';

/** One pod at one place. A pod and its twin, or two copies, are two of these with one `podId`. */
export interface PodOverview {
  /** Names this place in paths of the API: 16 hexadecimal digits. */
  readonly id: string;
  readonly podId: string;
  readonly kind: PodKind;
  /** It only follows the pod, and has what the last sync to it brought. */
  readonly isTwin: boolean;
  /** Of the pod; while it was never unlocked here, what its place is called. Up to 255 bytes of anybody's text. */
  readonly name: string;
  readonly place: PodPlace;
  readonly access: PodAccess;
  /** When this program forgets the passphrase, if it is not used before; while it is `unlocked`. */
  readonly lockAtMs: number | undefined;
  /** Undefined while it is not known, as it is locked. */
  readonly known: KnownPod | undefined;
  readonly health: Health;
}

/** Where a pod lies. */
export interface PodPlace {
  readonly kind: 'device' | 'folder';
  /** As a command of deskpod takes it. */
  readonly path: string;
  /** Of the device's file system, or of the one that the folder is on; undefined while it is not mounted. */
  readonly space: Space | undefined;
  /** What a device holds in all, mounted or not. */
  readonly sizeBytes: number | undefined;
}

/** Of a file system. */
export interface Space {
  readonly totalBytes: number;
  /** What a pod can still write. */
  readonly freeBytes: number;
}

/** What an open pod says of itself, now or when it was last open here. */
export interface KnownPod {
  /** When it said so. */
  readonly atMs: number;
  readonly deviceId: string;
  readonly epoch: number;
  /** Position of its log. */
  readonly seq: number;
  readonly session: SessionState;
  /** The session runs on this computer at this moment; a tree pod: somebody watches it. */
  readonly isRunning: boolean;
  /** The tier of the barrier around the session that runs here. */
  readonly tier: BarrierTier | undefined;
  /** Whether a suspend would succeed; undefined if no session runs here. */
  readonly suspend: SuspendForecast | undefined;
  readonly checkpointCount: number;
  readonly lastCheckpoint: StatusReport['lastCheckpoint'];
  /** The next one that it makes by itself; undefined if it has no schedule, or nobody keeps it now. */
  readonly nextCheckpoint: { readonly atMs: number; readonly words: string } | undefined;
  readonly doubt: StatusReport['doubt'];
  readonly moved: StatusReport['moved'];
  /** None of a twin: what it has heard of homes is as old as its last sync. */
  readonly homes: readonly HomeOfPod[];
  readonly verifications: readonly VerificationState[];
  /** The last restore that is proven: a drill, or this device itself was rebuilt from a home. Undefined if the log tells of none. */
  readonly provenRestore: StatusReport['provenRestore'];
  /** There while the room that is to stay free on its device is not, and nothing more can go for it. */
  readonly shortage: ReserveReport['shortage'];
}

/** What a home lacks of a pod. */
export interface HomeOfPod {
  readonly url: string;
  /** What a twin may know of when it goes on without this device; absent if it always asks. */
  readonly leases?: HomeReport['leases'];
  /** When the last sync ended there; undefined before the first. */
  readonly syncedAtMs: number | undefined;
  /** The last checkpoint that is there. */
  readonly lastCheckpoint: { readonly number: number; readonly atMs: number } | undefined;
  readonly missingCheckpoints: number;
  readonly missingBytes: number;
  /** Work that would be lost with the device; without its end it grows, as the session runs. Undefined if home has all. */
  readonly missingWork: WorkSpan | undefined;
  /** On how many days it was used since home had all; undefined of a supervisor that does not say it. */
  readonly missingUse: MissingUse | undefined;
  readonly isTwin: boolean;
  /** A twin that is not plugged in. */
  readonly isAway: boolean;
  /** It goes on with another device, and keeps what is here as a branch. */
  readonly isBranch: boolean;
  /** It was found at an earlier position than it had acknowledged. */
  readonly isReverted: boolean;
}

/** A place that pods are copied to, as far as it can be seen from here without any key. */
export interface HomeOverview {
  readonly url: string;
  readonly kind: 'folder' | 'ssh' | 'daemon' | 'twin';
  /**
   * `here`: a folder of this computer that is a home. `missing`: the folder is not there, or is no home (a drive that is not
   * mounted). `elsewhere`: on another computer, which is not asked. `away`: a twin that is not plugged in.
   */
  readonly state: 'here' | 'missing' | 'elsewhere' | 'away';
  readonly space: Space | undefined;
  /** What lies there, in the clear. Empty unless it is `here`. */
  readonly pods: readonly PodAtHome[];
  /** Why not all could be read. */
  readonly error: WireError | undefined;
}

/** A pod at home, by the names and times of its files. */
export interface PodAtHome {
  readonly podId: string;
  /** Of the head that a restore would begin with; undefined if no sync has ended yet. */
  readonly head: { readonly seq: number; readonly epoch: number; readonly receivedAtMs: number } | undefined;
  readonly sizeBytes: number;
  readonly objectCount: number;
  /** Heads that can be restored, earlier ones included. */
  readonly headCount: number;
  /** Histories of other devices that are kept beside. */
  readonly branchCount: number;
}

/** Some events of a pod's log, newest first. */
export interface EventPage {
  readonly events: readonly ExplainedEvent[];
  /** Ask for the events before this one next; undefined if there are none. */
  readonly before: number | undefined;
}

/** An event with what it means. */
export interface ExplainedEvent {
  readonly seq: number;
  readonly atMs: number;
  readonly event: PodEvent;
  readonly words: EventWords;
}

/** What a page may ask of a pod at `api/pods/ID/v1/NAME`: as on the supervisor's socket, less what could do harm. */
export type PageOperations = Pick<
  Operations,
  | 'status'
  | 'log'
  | 'timeline'
  | 'checkpoints'
  | 'checkpoint'
  | 'suspend'
  | 'view'
  | 'screenshot'
  | 'home-list'
  | 'sync'
  | 'branches'
> & {
  /** Heals, or only looks; a page gives nothing up. */
  verify: {
    parameters: Omit<Operations['verify']['parameters'], 'isGivingUp'>;
    answer: Operations['verify']['answer'];
  };
  /** What a prune would do. */
  prune: {
    parameters: Omit<Operations['prune']['parameters'], 'isDryRun'>;
    answer: Operations['prune']['answer'];
  };
};

/** What a page may read of a pod piece by piece. */
export type PageStreams = Pick<StreamOperations, 'ls' | 'find' | 'diff' | 'why' | 'picture' | 'cat'>;

/** One line of an NDJSON answer. `bytes` is base64. */
export type PageAnswerLine<Result = unknown, Item = unknown> =
  | { readonly progress: Progress }
  | { readonly item: Item }
  | { readonly bytes: string }
  | { readonly result: Result }
  | { readonly error: WireError };

/**
 * Starts the session of a desktop's pod, or goes back to a checkpoint. A session that runs is suspended first, and what was
 * not in a checkpoint is sealed as one: `presentCheckpoint` is the way back.
 */
export interface ResumeRequest {
  /** Absent: go on from where the pod is. */
  readonly checkpoint?: number;
}

/** What a resume answers. */
export interface ResumeAnswer {
  readonly start: StartReport;
  /** The checkpoint that has what was there before; undefined if nothing had changed since a checkpoint, or it was never started. */
  readonly presentCheckpoint: number | undefined;
  /** The viewer's address, which works once. */
  readonly url: string;
}

/** Opens a locked pod for this program, until it was not used for ten minutes. After five wrong passphrases a minute must pass. */
export interface UnlockRequest {
  readonly passphrase: string;
}

/** What an unlock answers; errors are PASSPHRASE_WRONG (403) and UNLOCK_REFUSED (429), and what opening the pod throws (409). */
export interface UnlockAnswer {
  readonly pod: PodOverview;
}

/** What asking for a restore wizard answers. */
export interface WizardAnswer {
  /** Works once. */
  readonly url: string;
}

/** What runs through this dashboard, or through a supervisor that it follows. */
export interface Work {
  /** Names it among all that is told on one WebSocket. */
  readonly id: string;
  /** {@link PodOverview.id} */
  readonly pod: string;
  /** The operation: `sync`. */
  readonly name: string;
  /** `over`: it has ended, and nobody has told how, as its supervisor has ended with it: look at the pod. */
  readonly state: 'running' | 'done' | 'failed' | 'over';
  readonly startedAtMs: number;
  /** The last thing it told. */
  readonly progress: Progress | undefined;
  readonly error: WireError | undefined;
}

/**
 * What a page is told while it is open. The overview comes first, at once, then whenever it changes, at most twice a second. A
 * page that does not read is cut off. Code 4004 of the end of the WebSocket: the dashboard was ended.
 */
export type LiveMessage =
  | { readonly kind: 'overview'; readonly overview: Overview }
  | { readonly kind: 'work'; readonly work: Work }
  /** New events of a pod that is open; `pod` is {@link PodOverview.id}. */
  | { readonly kind: 'events'; readonly pod: string; readonly events: readonly ExplainedEvent[] };

/** What `timeline` and `changes` answer, and the words that they are told in. */
export type { Difference, Health, TierReport, Timeline, TimelineCheckpoint, WorkSpan };
