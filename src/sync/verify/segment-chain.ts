// The segments of a repository, each on its own, and those of them that the chain to a head goes through.
import { equalBytes } from '../../core/bytes.ts';
import type { Segment } from '../../core/segment.ts';
import type { Repository } from '../repository/repository.ts';
import { type RecordPosition, readSegment, type SegmentSecrets } from '../repository/segments.ts';
import { type DamagedObject, damageOf } from './damage.ts';

/** A segment with the name of its object. */
export interface NamedSegment extends Segment {
  readonly name: string;
}

/** The segments of a repository. */
export interface SurveyedSegments {
  readonly whole: readonly NamedSegment[];
  readonly damaged: readonly DamagedObject[];
}

/** The segments that lead from a record back to the first one. */
export interface SegmentChain {
  readonly names: readonly string[];
  /** The record that no segment holds: the chain ends behind it. Undefined if it reaches record 1. */
  readonly brokenAt: RecordPosition | undefined;
}

/** Reads every segment; one that is damaged stands in no other's way. */
export async function surveySegments(
  repository: Repository,
  secrets: SegmentSecrets,
): Promise<SurveyedSegments> {
  const whole: NamedSegment[] = [];
  const damaged: DamagedObject[] = [];
  for (const name of await repository.listObjects('segments')) {
    try {
      whole.push({ ...(await readSegment(repository, name, secrets)), name });
    } catch (error) {
      const damage = damageOf({ kind: 'segments', name }, error);
      if (damage === undefined) throw error;
      damaged.push(damage);
    }
  }
  return { whole, damaged };
}

/** Follows the chain from `end` through segments, as a restore does. */
export function followChain(segments: readonly NamedSegment[], end: RecordPosition): SegmentChain {
  const names: string[] = [];
  let wanted = end;
  while (wanted.seq > 0) {
    const holding = segments.find(({ firstSeq, records }) => {
      const record = records[wanted.seq - firstSeq];
      return record !== undefined && equalBytes(record.bodyHash, wanted.recordHash);
    });
    const first = holding?.records[0];
    if (holding === undefined || first === undefined) return { names, brokenAt: wanted };
    names.push(holding.name);
    wanted = { seq: first.seq - 1, recordHash: first.previous };
  }
  return { names, brokenAt: undefined };
}
