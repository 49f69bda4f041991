// Which objects a partial verify reads: those that were verified longest ago, so that short runs cover everything in turn.

/** An object that could be read. */
export interface Readable {
  readonly sizeBytes: number;
  /** When it was last found whole, in milliseconds since 1970; 0 if never. */
  readonly verifiedAtMs: number;
}

/** Oldest first; those of the same age stay in the order in which they come. */
export function oldestFirst<Each extends Readable>(objects: readonly Each[]): Each[] {
  return [...objects].sort((a, b) => a.verifiedAtMs - b.verifiedAtMs);
}

/** The first of `objects` that together have at least `share` (0 to 1) of the bytes of all. */
export function takeShare<Each extends Readable>(objects: readonly Each[], share: number): Each[] {
  const wantedBytes = share * objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let takenBytes = 0;
  const taken: Each[] = [];
  for (const object of objects) {
    if (takenBytes >= wantedBytes) break;
    taken.push(object);
    takenBytes += object.sizeBytes;
  }
  return taken;
}
