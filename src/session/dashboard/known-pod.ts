// What an open pod says of itself, kept for as long as the dashboard runs: it stays to be seen when the pod is locked or gone.
import type { LoggedEvent } from '../../core/events.ts';
import type { KnownFacts } from '../../core/health.ts';
import type { HomeReport, StatusReport } from '../operation/operations.ts';
import type { HomeOfPod, HomeOverview, KnownPod } from './contract.ts';

/** What there is to know from a status. */
export function knownFrom(status: StatusReport, isRunning: boolean, atMs: number): KnownPod {
  const { deviceId, epoch, seq, session, suspend, lastCheckpoint, doubt, moved } = status;
  // a supervisor of an earlier version does not say it
  const checkpointCount = status.checkpointCount ?? lastCheckpoint?.number ?? 0;
  return {
    ...{
      atMs,
      deviceId,
      epoch,
      seq,
      session,
      isRunning,
      tier: isRunning ? status.tier : undefined,
      suspend,
      checkpointCount,
      lastCheckpoint,
      nextCheckpoint: nextOf(status),
      doubt,
      moved,
    },
    homes: status.isTwin ? [] : status.homes.map(homeOf),
    verifications: status.verifications,
    provenRestore: status.provenRestore,
    shortage: shortageOf(status),
  };
}

/** A supervisor of an earlier version does not say it. */
function nextOf({ scheduling }: Partial<Pick<StatusReport, 'scheduling'>>): KnownPod['nextCheckpoint'] {
  if (scheduling?.isKept !== true) return undefined;
  const [next] = [...scheduling.schedules].sort((a, b) => a.nextAtMs - b.nextAtMs);
  return next === undefined ? undefined : { atMs: next.nextAtMs, words: next.words };
}

/** The same. */
function shortageOf({ scheduling }: Partial<Pick<StatusReport, 'scheduling'>>): KnownPod['shortage'] {
  return scheduling?.reserve?.shortage;
}

/**
 * What is known after some more events, as far as they say it by themselves: a pod that is being suspended can be asked for
 * nothing any more.
 */
export function knownAfter(known: KnownPod, events: readonly LoggedEvent[]): KnownPod {
  let next = known;
  for (const { seq, atMs, event } of events) {
    next = { ...next, seq };
    switch (event.type) {
      case 'session.started':
      case 'session.resumed':
        next = { ...next, session: { status: 'running', sinceMs: atMs } };
        break;
      case 'session.suspended':
        next = { ...next, session: { status: 'suspended', checkpoint: event.checkpoint }, tier: undefined };
        break;
      case 'session.stopped':
        next = { ...next, session: { status: 'none' }, tier: undefined };
        break;
      case 'session.lost':
        next = { ...next, session: { status: 'lost', cause: event.cause }, tier: undefined };
        break;
      case 'checkpoint.sealed': {
        const { number, reason } = event;
        const checkpointCount = next.checkpointCount + 1;
        next = { ...next, checkpointCount, lastCheckpoint: { number, atMs, reason } };
        break;
      }
      case 'reserve.short': {
        const { freeBytes, reserveBytes } = event;
        next = { ...next, shortage: { atMs, freeBytes, reserveBytes } };
        break;
      }
      case 'reserve.kept':
        next = { ...next, shortage: undefined };
        break;
      default: // the next status tells of the rest
    }
  }
  return next;
}

/** What health is judged by, with what can be seen of its homes. */
export function factsOf(known: KnownPod, homesHere: readonly HomeOverview[]): KnownFacts {
  const { session, checkpointCount, doubt, moved, verifications, suspend, shortage } = known;
  const obstacles = (suspend?.obstacles ?? []).filter(({ isTransient }) => !isTransient);
  return {
    ...{ session, checkpointCount, doubt, moved, verifications, shortage },
    obstacles: obstacles.map(({ sentence }) => sentence),
    homes: known.homes.map((home) => {
      const seen = homesHere.find(({ url }) => url === home.url);
      return { ...home, isMissing: seen?.state === 'missing', space: seen?.space };
    }),
  };
}

function homeOf(home: HomeReport): HomeOfPod {
  const {
    url,
    seq,
    atMs,
    docked,
    lastCheckpoint,
    missingCheckpoints,
    missingBytes,
    missingWork,
    missingUse,
  } = home;
  const { isTwin, isAway, leases } = home;
  return {
    ...{ url, lastCheckpoint, missingCheckpoints, missingBytes, missingWork, missingUse, isTwin, isAway },
    syncedAtMs: docked?.atMs ?? (seq === 0 ? undefined : atMs),
    isBranch: home.branch !== undefined,
    isReverted: home.revertedSeq !== undefined,
    ...(leases === undefined ? {} : { leases }),
  };
}
