// Segments that are lost on the device are sealed again from the live log, which has every record.
import { toHex } from '../../core/bytes.ts';
import type { Pod } from '../pod/pod.ts';
import type { RecordPosition } from '../repository/segments.ts';
import { followChain, type NamedSegment, surveySegments } from './segment-chain.ts';

/**
 * Seals what the chain to the repository's head lacks. Returns the names of the new segments; the chain is whole then.
 */
export async function resealSegments(pod: Pod, head: RecordPosition): Promise<string[]> {
  const made: string[] = [];
  for (;;) {
    const { whole } = await surveySegments(pod.repository, pod.secrets);
    const { brokenAt } = followChain(whole, head);
    if (brokenAt === undefined) return made;
    const fromSeq = (await endBefore(pod, whole, brokenAt.seq)) + 1;
    made.push(await pod.sealAgain(fromSeq, brokenAt.seq));
  }
}

/** The last record below `seq` at which a whole segment of this log ends; 0 if there is none. */
async function endBefore(pod: Pod, segments: readonly NamedSegment[], seq: number): Promise<number> {
  const ends = segments
    .flatMap(({ records }) => records.at(-1) ?? [])
    .filter((record) => record.seq < seq)
    .sort((a, b) => b.seq - a.seq);
  for (const record of ends) {
    if ((await pod.recordHash(record.seq)) === toHex(record.bodyHash)) return record.seq;
  }
  return 0;
}
