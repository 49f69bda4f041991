// In which order packs are looked into for chunks, where only the log says what might be in them.

/** A pack that may hold what is looked for. */
export interface PackCandidate {
  readonly name: string;
  /** Position of the log from which on it is in force: that of a checkpoint, or of a prune. */
  readonly seq: number;
  readonly sizeBytes: number;
}

/**
 * The packs that came with one of `places` first, then those next to one in the log; of the same distance the short ones
 * first, as manifests lie in short packs. Something new lies in the packs of the checkpoint that had it first.
 */
export function orderPacks<Each extends PackCandidate>(
  packs: Iterable<Each>,
  places: Iterable<number>,
): Each[] {
  const wanted = [...new Set(places)].sort((a, b) => a - b);
  const distanceOf = new Map<number, number>();
  const distance = ({ seq }: PackCandidate): number => {
    const known = distanceOf.get(seq);
    if (known !== undefined) return known;
    const found = nearest(wanted, seq);
    distanceOf.set(seq, found);
    return found;
  };
  return [...packs].sort(
    (a, b) => distance(a) - distance(b) || a.sizeBytes - b.sizeBytes || (a.name < b.name ? -1 : 1),
  );
}

function nearest(wanted: readonly number[], seq: number): number {
  let [low, high] = [0, wanted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((wanted[middle] ?? seq) < seq) low = middle + 1;
    else high = middle;
  }
  const before = wanted[low - 1] ?? Number.NEGATIVE_INFINITY;
  const after = wanted[low] ?? Number.POSITIVE_INFINITY;
  const distance = Math.min(seq - before, after - seq);
  // without any place all are equally near
  return Number.isFinite(distance) ? distance : 0;
}
