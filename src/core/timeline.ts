// Every checkpoint that can still be had, on the device or at a home: small enough that ten thousand fit into one answer.
import type { CheckpointReason, CheckpointSealed, LoggedEvent } from './events.ts';
import type { PodState } from './state.ts';

/** One checkpoint, in about 200 bytes of JSON. */
export interface TimelineCheckpoint {
  readonly number: number;
  readonly atMs: number;
  readonly reason: CheckpointReason;
  /** It is on the device. False for one that was forgotten here and is still at home. */
  readonly isHere: boolean;
  /** The homes that have it, as places in {@link Timeline.homes}. */
  readonly homes: readonly number[];
  /** It holds processes, too. */
  readonly hasSession: boolean;
  /** It looked like a loss, and nobody has accepted it since. */
  readonly isDoubted: boolean;
  readonly fileCount: number;
  readonly fileBytes: number;
  readonly imageBytes: number;
  /** What it added to the repository: the size of the change. */
  readonly storedBytes: number;
  readonly pauseMs: number;
}

/** The checkpoints of a pod, oldest first. */
export interface Timeline {
  readonly podId: string;
  /** The URLs of its homes. */
  readonly homes: readonly string[];
  readonly checkpoints: readonly TimelineCheckpoint[];
}

/** Heads of this pod's own history that a home has kept besides the last one: each still has all that it had. */
export interface KeptHeads {
  readonly url: string;
  /** Their positions in the log. */
  readonly seqs: readonly number[];
}

/**
 * The timeline of a pod.
 *
 * @param events the whole log; needed only if `kept` has something: what was forgotten stands nowhere else
 */
export function timelineOf(
  state: PodState,
  kept: readonly KeptHeads[],
  events: Iterable<LoggedEvent>,
): Timeline {
  const doubted = new Set(state.doubted.map(({ number }) => number));
  const homes = state.homes.map(({ url }) => url);
  const rowOf = (sealed: Sealed, isHere: boolean, at: readonly number[]): TimelineCheckpoint => {
    const { number, atMs, reason, images, stats } = sealed;
    const { fileCount, fileBytes, imageBytes, storedBytes, pauseMs } = stats;
    return {
      ...{ number, atMs, reason, isHere, homes: at },
      ...{ hasSession: images !== undefined, isDoubted: doubted.has(number) },
      ...{ fileCount, fileBytes, imageBytes, storedBytes, pauseMs: Math.round(pauseMs) },
    };
  };
  const here = state.checkpoints.map((checkpoint) => {
    const at = state.homes.flatMap(({ seq }, index) => (checkpoint.seq <= seq ? [index] : []));
    return rowOf(checkpoint, true, at);
  });
  const elsewhere = forgottenIn(events).flatMap(({ sealed, forgottenSeq }) => {
    const at = homes.flatMap((url, index) => {
      const seqs = kept.find((each) => each.url === url)?.seqs ?? [];
      return seqs.some((seq) => sealed.seq <= seq && seq < forgottenSeq) ? [index] : [];
    });
    return at.length === 0 ? [] : [rowOf(sealed, false, at)];
  });
  const all = [...elsewhere, ...here].sort((a, b) => a.number - b.number);
  return { podId: state.podId, homes, checkpoints: all };
}

type Sealed = Omit<CheckpointSealed, 'type' | 'v'> & Pick<LoggedEvent, 'seq' | 'atMs'>;

/** Every checkpoint that was given up, with the position at which it was. */
function forgottenIn(
  events: Iterable<LoggedEvent>,
): readonly { readonly sealed: Sealed; readonly forgottenSeq: number }[] {
  const sealed = new Map<number, Sealed>();
  const forgotten: { sealed: Sealed; forgottenSeq: number }[] = [];
  for (const { seq, atMs, event } of events) {
    if (event.type === 'checkpoint.sealed') sealed.set(event.number, { ...event, seq, atMs });
    if (event.type !== 'checkpoints.forgotten') continue;
    for (const number of event.numbers) {
      const one = sealed.get(number);
      if (one !== undefined) forgotten.push({ sealed: one, forgottenSeq: seq });
    }
  }
  return forgotten;
}
