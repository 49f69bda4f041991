// What a verify answers, and how it is asked for.
import type { VerifyDepth } from '../../core/events.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Home } from '../home/home.ts';
import type { DamagedObject } from './damage.ts';
import type { HealFailure } from './heal-device.ts';
import type { LostTree } from './losses.ts';

/** How a device is verified. */
export interface VerifyPlan {
  readonly depth: VerifyDepth;
  /** Read only so much of the bytes, 0 to 1, beginning with what was verified longest ago. */
  readonly share?: number;
  /** Begin to read no more after this time. */
  readonly forMs?: number;
  readonly isHealing: boolean;
  /** Give up packs that no home has whole; only if every home could be asked. */
  readonly isGivingUp?: boolean;
  readonly onProgress: ProgressListener;
  /** Ends it early: nothing more is read, fetched or given up, and what was found until then is reported. */
  readonly signal?: AbortSignal;
  /** How homes are reached. */
  readonly openHome: (url: string) => Home;
}

/** A damaged object and what became of it. */
export interface FoundDamage extends DamagedObject {
  /** Where it was healed from: `device`, `log`, or the URL of a home. Absent: it was not. */
  readonly healedFrom?: string;
  /** What was whole in it lies elsewhere now, and nothing counts on the rest any more. */
  readonly isGivenUp?: true;
}

/** What a verify found. */
export interface VerifyReport {
  /** `device`, or the URL of the home. */
  readonly place: string;
  readonly depth: VerifyDepth;
  /** False if it was a sample or was stopped: then more may be damaged. */
  readonly isWhole: boolean;
  readonly objectCount: number;
  /** Objects that were read from end to end. */
  readonly readCount: number;
  readonly readBytes: number;
  readonly damage: readonly FoundDamage[];
  /** What is wrong besides objects: the head, say. Each names itself. */
  readonly faults: readonly string[];
  /** What was wrong besides objects and is right again. Each names itself. */
  readonly healedFaults: readonly string[];
  /** Packs of which the chunk index said other things; it is right again. */
  readonly correctedPacks: readonly string[];
  /** What can be restored no more. */
  readonly lost: readonly LostTree[];
  /** Why homes could not help, or the device could not be written. */
  readonly failures: readonly HealFailure[];
  readonly durationMs: number;
  /** Why the log has no event of this run; undefined if it has. */
  readonly unrecorded: unknown;
}

/** How many of the damaged objects were neither healed nor given up. */
export function countLeft({ damage, faults }: Pick<VerifyReport, 'damage' | 'faults'>): number {
  return faults.length + damage.filter(isLeft).length;
}

/** True for damage that is there still. */
export function isLeft({ healedFrom, isGivenUp }: FoundDamage): boolean {
  return healedFrom === undefined && isGivenUp !== true;
}
