// Which chunks are read together: those that lie near each other in one pack.
import type { ChunkLocation } from './chunk-index.ts';

/** What a thread reads at once: as much of it as this, and with gaps up to the next. */
export const RUN_BYTES = 1024 * 1024;
const GAP_BYTES = 64 * 1024;

/** Chunks of one pack that lie near each other, ascending. */
export function runsOf<T extends { readonly location: ChunkLocation }>(wanted: readonly T[]): T[][] {
  const sorted = [...wanted].sort(({ location: a }, { location: b }) =>
    a.pack === b.pack ? a.offset - b.offset : a.pack < b.pack ? -1 : 1,
  );
  const runs: T[][] = [];
  let end = 0;
  let plainBytes = 0;
  for (const one of sorted) {
    const { pack, offset, storedLength, plainLength } = one.location;
    const run = runs.at(-1);
    const isNear = run?.[0]?.location.pack === pack && offset >= end && offset - end <= GAP_BYTES;
    if (run !== undefined && isNear && plainBytes + plainLength <= RUN_BYTES) run.push(one);
    else {
      runs.push([one]);
      plainBytes = 0;
    }
    end = offset + storedLength;
    plainBytes += plainLength;
  }
  return runs;
}
