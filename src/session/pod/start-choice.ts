// How a session is started: what was asked for, which checkpoint that means, and what became of it.

import type { BarrierTier } from '../../core/barrier-tier.ts';
import { findCheckpoint } from '../../core/decide.ts';
import { DeskPodError } from '../../core/errors.ts';
import { lackingOf, type Processor } from '../../core/processor.ts';
import type { Checkpoint, PodState } from '../../core/state.ts';
import type { Geometry } from '../barrier/bundle.ts';

/** How a session is started. */
export interface StartChoice {
  /** `default` resumes what is suspended, and starts fresh otherwise; `resume` goes back to the last checkpoint. */
  readonly choice: 'default' | 'fresh' | 'resume';
  /** Go back to this checkpoint, whatever the pod is at. */
  readonly checkpoint?: number;
  /** Of a fresh session's screen. */
  readonly geometry: Geometry;
  /** It is to act on nothing outside: it gets no network. */
  readonly isCutOff?: boolean;
  /** It is not to run with less; without it, it gets what this host has. */
  readonly requiredTier?: BarrierTier;
}

/** What became of a start. */
export interface StartedSession extends StartedHere {
  /** The tier of the barrier that it has here. */
  readonly tier: BarrierTier;
}

/** What is known of a start before its barrier was looked at. */
export interface StartedHere {
  readonly resumedCheckpoint: number | undefined;
  readonly resumeMs: number;
  readonly warnings: readonly string[];
  /** The files as they were until now, if it went back to a checkpoint. */
  readonly presentCheckpoint?: number;
}

/**
 * The checkpoint that is to go on; undefined for a fresh session.
 * @throws DeskPodError CHECKPOINT_NOT_FOUND
 */
export function targetOf(state: PodState, { choice, checkpoint }: StartChoice): Checkpoint | undefined {
  if (checkpoint !== undefined) return findCheckpoint(state, checkpoint);
  if (choice === 'fresh') return undefined;
  if (state.session.status === 'suspended') return findCheckpoint(state, state.session.checkpoint);
  if (choice !== 'resume') return undefined;
  const last = lastWithSession(state);
  if (last !== undefined) return last;
  throw new DeskPodError('CHECKPOINT_NOT_FOUND', 'no checkpoint of this pod holds a session', {
    hint: 'Start a fresh session with `deskpod start --fresh`.',
  });
}

/** What whoever gets a fresh session should know. */
export function freshWarnings(state: PodState, { choice }: StartChoice): readonly string[] {
  const last = lastWithSession(state);
  if (state.session.status !== 'lost' || choice !== 'default' || last === undefined) return [];
  return [
    'The last session ended without a checkpoint; this is a fresh one on the files as they are. ' +
      `To go back to checkpoint ${last.number}: deskpod stop, then deskpod start --resume.`,
  ];
}

/**
 * Refuses to go on with processes that would meet instructions which this processor has not.
 * @throws DeskPodError PROCESSOR_LACKING
 */
export function requireProcessor({ number, images, processor }: Checkpoint, here: Processor): void {
  if (images === undefined || processor === undefined) return;
  const lacking = lackingOf(processor, here);
  if (lacking.length === 0) return;
  throw new DeskPodError(
    'PROCESSOR_LACKING',
    `the session of checkpoint ${number} needs a processor with ${lacking.join(', ')}, which this computer has not`,
    {
      hint: 'Go on with it on a computer like those before, or start afresh here, with all files: deskpod start --fresh. A pod made with --cpu-baseline x86-64-v2 goes on nearly anywhere.',
      details: { number, lacking, needed: processor, here },
    },
  );
}

function lastWithSession({ checkpoints }: PodState): Checkpoint | undefined {
  return checkpoints.findLast(({ images }) => images !== undefined);
}
