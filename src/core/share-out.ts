// Sharing the objects of a transfer out to streams.

/** The part of a transfer that one stream takes over. */
export interface Share {
  /** In the order in which they were given. */
  readonly objects: readonly string[];
  readonly sizeBytes: number;
}

/**
 * Shares objects out to at most `count` streams, about as many bytes to each; none gets nothing. Those of one folder stay
 * together, as two rsyncs would take away each other's folder for parts.
 */
export function shareOut(sizes: ReadonlyMap<string, number>, count: number): Share[] {
  const folders = new Map<string, { objects: string[]; sizeBytes: number }>();
  for (const [object, sizeBytes] of sizes) {
    const folder = object.slice(0, object.lastIndexOf('/') + 1);
    const known = folders.get(folder) ?? { objects: [], sizeBytes: 0 };
    folders.set(folder, known);
    known.objects.push(object);
    known.sizeBytes += sizeBytes;
  }
  const largestFirst = [...folders.values()].sort((a, b) => b.sizeBytes - a.sizeBytes);
  const shares = largestFirst
    .slice(0, Math.max(1, count))
    .map(() => ({ objects: [] as string[], sizeBytes: 0 }));
  const order = new Map([...sizes.keys()].map((object, index) => [object, index]));
  for (const { objects, sizeBytes } of largestFirst) {
    const least = shares.reduce((best, each) =>
      each.sizeBytes < best.sizeBytes ||
      (each.sizeBytes === best.sizeBytes && each.objects.length < best.objects.length)
        ? each
        : best,
    );
    least.objects.push(...objects);
    least.sizeBytes += sizeBytes;
  }
  const at = (object: string): number => order.get(object) ?? 0;
  for (const { objects } of shares) objects.sort((a, b) => at(a) - at(b));
  return shares;
}
