// Which packs a prune removes: those without anything needed, and those whose waste is worth copying the rest.

/** A pack, and how much of it is needed. */
export interface PackUse {
  readonly name: string;
  /** Bytes of its chunks that are needed, as stored. */
  readonly usedBytes: number;
  /** Bytes of its other chunks. */
  readonly unusedBytes: number;
}

/** How much waste may stay in a repository: a share of it from 0 to 1, or a number of bytes. */
export type MaxUnused = { readonly share: number } | { readonly bytes: number };

/** What is to be done with packs. */
export interface PackPlan {
  /** Nothing in them is needed. */
  readonly dropped: readonly string[];
  /** What is needed of them goes to new packs. The most wasteful first. */
  readonly repacked: readonly string[];
  /** Bytes of waste that stay. */
  readonly leftUnusedBytes: number;
}

/**
 * Plans so that at most `maxUnused` of the repository is waste when all is done, and no more is copied than that takes.
 * RangeError for a share that is none.
 */
export function planPacks(packs: readonly PackUse[], maxUnused: MaxUnused): PackPlan {
  const dropped = packs.filter(({ usedBytes }) => usedBytes === 0).map(({ name }) => name);
  const used = packs.filter(({ usedBytes }) => usedBytes > 0);
  const usedBytes = used.reduce((sum, pack) => sum + pack.usedBytes, 0);
  const allowedBytes = allowedOf(maxUnused, usedBytes);
  let leftUnusedBytes = used.reduce((sum, pack) => sum + pack.unusedBytes, 0);
  const repacked: string[] = [];
  for (const { name, unusedBytes } of used.sort(byWaste)) {
    if (leftUnusedBytes <= allowedBytes) break;
    repacked.push(name);
    leftUnusedBytes -= unusedBytes;
  }
  return { dropped: dropped.sort(), repacked, leftUnusedBytes };
}

/** Of a share, as much as makes it that share of what stays: 5 % waste beside 95 % that is used. */
function allowedOf(maxUnused: MaxUnused, usedBytes: number): number {
  if ('bytes' in maxUnused) return maxUnused.bytes;
  const { share } = maxUnused;
  if (!(share >= 0 && share <= 1)) throw new RangeError(`expected a share from 0 to 1, got ${share}`);
  return share === 1 ? Infinity : (usedBytes * share) / (1 - share);
}

/** The largest share of waste first; names decide between equals, so that a plan can be told before it is done. */
function byWaste(a: PackUse, b: PackUse): number {
  const difference =
    b.unusedBytes / (b.unusedBytes + b.usedBytes) - a.unusedBytes / (a.unusedBytes + a.usedBytes);
  return difference !== 0 ? difference : a.name < b.name ? -1 : 1;
}
