// The health of a pod in one word, with what is behind it in sentences that say the next step. A pure judgement of facts.
import { describeDoubt } from './checkpoint-doubt.ts';
import { firstLeaseEnd, type Lease } from './lease.ts';
import type { WorkSpan } from './missing-work.ts';
import { countOf, formatAge, formatBytes, formatDuration } from './quantities.ts';
import type { Shortage } from './scheduling.ts';
import type { MovedState, OpenDoubt, SessionState, VerificationState } from './state.ts';
import { countUseDays, type MissingUse } from './use-days.ts';

/** What a finding is about. */
export type FindingCause =
  | 'gone'
  | 'locked'
  | 'unreadable'
  | 'doubt'
  | 'damaged'
  | 'moved'
  | 'session-lost'
  | 'suspend-blocked'
  | 'no-checkpoint'
  | 'no-home'
  | 'never-synced'
  | 'behind'
  | 'home-branch'
  | 'lease-ending'
  | 'home-reverted'
  | 'home-missing'
  | 'little-space'
  | 'reserve-short'
  | 'home-little-space'
  | 'not-verified';

/** What a page can offer as the next step. `none`: it is to be done elsewhere, as the sentence says. */
export type FindingRemedy = 'unlock' | 'sync' | 'checkpoint' | 'verify' | 'resume' | 'compare' | 'none';

/** One thing about a pod that a person should know. */
export interface Finding {
  readonly cause: FindingCause;
  /** `bad`: something is lost, damaged or about to be. `attention`: do something soon. `note`: good to know. */
  readonly severity: 'bad' | 'attention' | 'note';
  /** One sentence: what is so. */
  readonly text: string;
  /** One sentence: what to do. */
  readonly next: string;
  readonly remedy: FindingRemedy;
}

/** The health of a pod. */
export interface Health {
  /** The worst of the findings. `unknown`: too little can be seen to say that it is well. */
  readonly word: 'good' | 'attention' | 'bad' | 'unknown';
  /** The worst first. */
  readonly findings: readonly Finding[];
}

/** How full a file system is. */
export interface SpaceFacts {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** What health is judged by. */
export interface HealthFacts {
  readonly nowMs: number;
  readonly isTwin: boolean;
  readonly access: 'open' | 'unlocked' | 'locked' | 'away';
  /** Of the device, if it can be seen. */
  readonly space: SpaceFacts | undefined;
  /** Why it could not be opened when that was last tried; `hint` is the next step. */
  readonly failure: { readonly message: string; readonly hint: string | undefined } | undefined;
  /** What the pod said of itself when it was last open. */
  readonly known: KnownFacts | undefined;
}

/** What an open pod says of itself. */
export interface KnownFacts {
  readonly session: SessionState;
  /** Sentences on what is in the way of a suspend and does not pass by itself; empty if it would succeed. */
  readonly obstacles: readonly string[];
  readonly checkpointCount: number;
  readonly doubt: OpenDoubt | undefined;
  readonly moved: MovedState | undefined;
  readonly homes: readonly HomeFacts[];
  readonly verifications: readonly VerificationState[];
  /** There while the room that is to stay free on its device is not, and nothing more can go for it. */
  readonly shortage: Pick<Shortage, 'freeBytes' | 'reserveBytes'> | undefined;
}

/** What is known of one home. */
export interface HomeFacts {
  readonly url: string;
  readonly syncedAtMs: number | undefined;
  readonly missingCheckpoints: number;
  readonly missingBytes: number;
  readonly missingWork: WorkSpan | undefined;
  /** Undefined if whoever told of it does not know. */
  readonly missingUse: MissingUse | undefined;
  readonly isTwin: boolean;
  readonly isAway: boolean;
  readonly isBranch: boolean;
  readonly isReverted: boolean;
  /** What a twin may know of when it goes on without this device. */
  readonly leases?: readonly Lease[] | undefined;
  /** A folder of this computer that is not there, or is no home: mostly a drive that is not mounted. */
  readonly isMissing: boolean;
  /** Undefined if it cannot be seen from here. */
  readonly space: SpaceFacts | undefined;
}

const DAY_MS = 86_400_000;
/** A day's work is what people say they can bear to lose: days on which the pod was used, as no work is lost in a drawer. */
const BEHIND_DAYS = 1;
/** A drive in a drawer is fetched once a week. */
const TWIN_BEHIND_DAYS = 7;
/** A drive in a drawer has to be fetched. */
const LEASE_WARNING_MS = DAY_MS;
/** Flash that lies about loses bits within months. */
const VERIFY_EVERY_MS = 90 * DAY_MS;
/** A suspend needs room for the processes; ext4 gets slow when it is nearly full. */
const LITTLE_SHARE = 0.1;
const LITTLE_BYTES = 2 * 10 ** 9;
const HARDLY_ANY_BYTES = 200 * 10 ** 6;

const SEVERITIES = ['bad', 'attention', 'note'] as const;

/** Judges the health of a pod. */
export function judgeHealth(facts: HealthFacts): Health {
  const found = [...accessFindings(facts), ...ownFindings(facts), ...homeFindings(facts)];
  const findings = SEVERITIES.flatMap((severity) => found.filter((finding) => finding.severity === severity));
  const [worst] = findings;
  if (worst?.severity === 'bad' || worst?.severity === 'attention') return { word: worst.severity, findings };
  const isSeen = facts.known !== undefined && facts.access !== 'away';
  return { word: isSeen ? 'good' : 'unknown', findings };
}

function accessFindings({ access, failure, known }: HealthFacts): Finding[] {
  if (access === 'away') {
    const wasRunning = known?.session.status === 'running';
    return [
      {
        cause: 'gone',
        severity: wasRunning ? 'bad' : 'note',
        text: wasRunning ? 'It was taken away while its session ran.' : 'It is not plugged in any more.',
        next: wasRunning
          ? 'Plug it in again and start it: all that was saved is there.'
          : 'Plug it in to go on with it.',
        remedy: 'none',
      },
    ];
  }
  const findings: Finding[] = [];
  if (failure !== undefined) {
    findings.push({
      cause: 'unreadable',
      severity: 'bad',
      text: `It could not be opened: ${failure.message}.`,
      next: failure.hint ?? 'Look at it with “deskpod status”.',
      remedy: 'none',
    });
  }
  if (access === 'locked' && known === undefined) {
    findings.push({
      cause: 'locked',
      severity: 'note',
      text: 'It is locked, and says nothing of itself without its passphrase.',
      next: 'Unlock it to see how it is.',
      remedy: 'unlock',
    });
  }
  return findings;
}

function ownFindings({ known, space, isTwin, nowMs }: HealthFacts): Finding[] {
  const findings: Finding[] = [];
  const add = (...[cause, severity, text, next, remedy]: FindingParts): void => {
    findings.push({ cause, severity, text, next, remedy });
  };
  if (known !== undefined) {
    const { doubt, moved, session, obstacles, checkpointCount, homes, shortage } = known;
    // what was seen at a home that was removed is of no concern any more
    const verifications = known.verifications.filter(
      ({ place }) => place === 'device' || homes.some(({ url }) => url === place),
    );
    for (const { place, leftCount } of latestVerifications(verifications)) {
      if (leftCount === 0) continue;
      const where = place === 'device' ? 'on the device' : `at ${place}`;
      add(
        'damaged',
        'bad',
        `${countOf(leftCount, 'object')} ${where} ${leftCount === 1 ? 'is' : 'are'} damaged or missing.`,
        'Verify it with its homes plugged in or reachable: what one of them has whole is brought back.',
        'verify',
      );
    }
    if (doubt !== undefined) {
      add(
        'doubt',
        'bad',
        doubt.number === undefined
          ? `No checkpoint is made, as it would look like a loss: ${describeDoubt(doubt)}.`
          : `Checkpoint ${doubt.number} looks like a loss: ${describeDoubt(doubt)}.`,
        `Compare it with checkpoint ${doubt.against}: if it is right, accept it with a checkpoint; if not, bring the files back.`,
        'compare',
      );
    }
    if (session.status === 'lost') {
      add(
        'session-lost',
        'attention',
        `The last session ended without a checkpoint: ${session.cause}.`,
        'Resume the last checkpoint to have its processes back; the files are as they were left.',
        'resume',
      );
    }
    if (obstacles.length > 0) {
      add(
        'suspend-blocked',
        'attention',
        `It could not be suspended now: ${obstacles.join('; ')}.`,
        'Close what is in the way.',
        'none',
      );
    }
    if (moved !== undefined) {
      add(
        'moved',
        'attention',
        `It was found on another medium (${moved.place}): it was moved there, or copied.`,
        'If this is the only one, sync it; if it is a copy, say so with “deskpod fork”.',
        'sync',
      );
    }
    if (checkpointCount === 0 && !isTwin) {
      add('no-checkpoint', 'attention', 'It has no checkpoint yet.', 'Make one.', 'checkpoint');
    }
    if (shortage !== undefined) {
      const { freeBytes, reserveBytes } = shortage;
      add(
        'reserve-short',
        'attention',
        `Only ${formatBytes(freeBytes)} of its device were free, and ${formatBytes(reserveBytes)} are to stay free.`,
        'Sync it, so that older checkpoints can go, or delete what is not needed.',
        'sync',
      );
    }
    const verifiedAtMs = Math.max(
      0,
      ...verifications
        .filter(({ place, depth }) => place === 'device' && depth === 'data')
        .map(({ atMs }) => atMs),
    );
    if (checkpointCount > 0 && nowMs - verifiedAtMs > VERIFY_EVERY_MS) {
      add(
        'not-verified',
        'note',
        verifiedAtMs === 0
          ? 'It was never verified to the last byte.'
          : `It was last verified to the last byte ${formatAge(nowMs - verifiedAtMs)} ago.`,
        'Verify it: flash that lies about forgets.',
        'verify',
      );
    }
  }
  if (space !== undefined && isLittle(space)) {
    const hasHardlyAny = space.freeBytes < HARDLY_ANY_BYTES;
    add(
      'little-space',
      hasHardlyAny ? 'bad' : 'attention',
      `${formatBytes(space.freeBytes)} are free of ${formatBytes(space.totalBytes)} where it lies.`,
      'Delete what is not needed, or let old checkpoints go with “deskpod prune”.',
      'none',
    );
  }
  return findings;
}

type FindingParts = [
  cause: FindingCause,
  severity: Finding['severity'],
  text: string,
  next: string,
  remedy: FindingRemedy,
];

function homeFindings({ known, isTwin, nowMs }: HealthFacts): Finding[] {
  // a twin is itself a home, and syncs to none
  if (known === undefined || isTwin) return [];
  const isRunning = known.session.status === 'running';
  const findings = known.homes.flatMap((home) => findingsAt(home, isRunning, nowMs));
  if (known.homes.length > 0) return findings;
  return [
    {
      cause: 'no-home',
      severity: 'attention',
      text: 'It has no home: a lost device takes everything with it.',
      next: 'Add one with “deskpod home add”.',
      remedy: 'none',
    },
  ];
}

function findingsAt(home: HomeFacts, isRunning: boolean, nowMs: number): Finding[] {
  const { url, syncedAtMs, missingBytes, missingUse, space } = home;
  const missingDays = missingUse === undefined ? 0 : countUseDays(missingUse, isRunning, nowMs);
  const findings: Finding[] = [];
  const add = (...[cause, severity, text, next, remedy]: FindingParts): void => {
    findings.push({ cause, severity, text, next, remedy });
  };
  if (home.isReverted) {
    add(
      'home-reverted',
      'attention',
      `${url} had gone back in time.`,
      'Look why: was an old copy put back there? The next sync brings it up to date.',
      'sync',
    );
  }
  if (home.isBranch) {
    add(
      'home-branch',
      'attention',
      `${url} goes on with another device of this pod, and keeps what is here as a branch.`,
      'To go on from here, “deskpod promote”; to go on from there, restore it to a new device.',
      'none',
    );
  }
  const lease = firstLeaseEnd([{ url, ...(home.leases && { leases: home.leases }) }]);
  if (lease !== undefined && lease.endMs - nowMs < LEASE_WARNING_MS) {
    const hasEnded = lease.endMs <= nowMs;
    add(
      'lease-ending',
      hasEnded ? 'bad' : 'attention',
      hasEnded
        ? `${url} may have been started in the place of this device, as it was not synced to for so long.`
        : `In ${formatDuration(lease.endMs - nowMs)} this device gives way to ${url}: a session that runs is suspended then.`,
      'Plug it in and sync: the time begins anew.',
      home.isAway ? 'none' : 'sync',
    );
  }
  const plug = home.isTwin ? 'Plug it in and sync.' : 'Mount it and sync.';
  const next = home.isAway || home.isMissing ? plug : 'Sync now.';
  const remedy: FindingRemedy = home.isAway || home.isMissing ? 'none' : 'sync';
  const limitDays = home.isTwin ? TWIN_BEHIND_DAYS : BEHIND_DAYS;
  if (syncedAtMs === undefined) {
    add('never-synced', 'attention', `Nothing was ever synced to ${url}.`, next, remedy);
  } else if (missingDays > limitDays) {
    const what = `${countOf(missingDays, 'day')} of use and ${formatBytes(missingBytes)}`;
    add('behind', 'attention', `${url} lacks ${what}.`, next, remedy);
  } else if (home.isMissing) {
    add('home-missing', 'note', `${url} is not there now.`, 'Mount it to sync.', 'none');
  }
  if (space !== undefined && isLittle(space)) {
    add(
      'home-little-space',
      space.freeBytes < HARDLY_ANY_BYTES ? 'bad' : 'attention',
      `${formatBytes(space.freeBytes)} are free of ${formatBytes(space.totalBytes)} at ${url}.`,
      'Free space there, or let old heads go with “deskpod home prune”.',
      'none',
    );
  }
  return findings;
}

/** A tenth is little, unless it is plenty all the same. */
function isLittle({ totalBytes, freeBytes }: SpaceFacts): boolean {
  return freeBytes < Math.min(totalBytes * LITTLE_SHARE, LITTLE_BYTES);
}

/** The newest of each place: a later one that found nothing answers an earlier one, if it looked as deeply. */
function latestVerifications(verifications: readonly VerificationState[]): readonly VerificationState[] {
  return verifications.filter(
    ({ place, depth, atMs }) =>
      depth === 'data' ||
      !verifications.some((other) => other.place === place && other.depth === 'data' && other.atMs >= atMs),
  );
}
