// Which packs a pod consists of: those that a checkpoint or a prune has named, without those that a prune removed.
import { type Append, appendToCopy } from './append.ts';

/** Packs that one event named. */
interface NamedPacks {
  /** Position of that event in the log. */
  readonly seq: number;
  readonly names: readonly string[];
}

/** What the log says about packs. A pack that it never mentioned waits for the next checkpoint to name it. */
export interface PackState {
  /** In the order in which they were named. */
  readonly named: readonly NamedPacks[];
  /** Removed for good: a name is a hash of ciphertext, so none comes a second time. */
  readonly removed: readonly string[];
}

/** Before the first checkpoint. */
export const NO_PACKS: PackState = { named: [], removed: [] };

/** The packs after the event at `seq` has named some more. */
export function namePacks(
  packs: PackState,
  seq: number,
  names: readonly string[],
  append: Append = appendToCopy,
): PackState {
  return names.length === 0 ? packs : { ...packs, named: append(packs.named, { seq, names }) };
}

/** The packs after a prune at `seq`. */
export function exchangePacks(
  packs: PackState,
  seq: number,
  { added, removed }: { readonly added: readonly string[]; readonly removed: readonly string[] },
): PackState {
  const gone = new Set(removed);
  const left = packs.named.flatMap(({ seq: namedSeq, names }) => {
    const kept = names.filter((name) => !gone.has(name));
    return kept.length === 0 ? [] : [{ seq: namedSeq, names: kept.length === names.length ? names : kept }];
  });
  return namePacks({ named: left, removed: [...packs.removed, ...removed] }, seq, added);
}

/** Each pack in force, with the position of the log from which on it is. */
export function packsInForce({ named }: PackState): Map<string, number> {
  const inForce = new Map<string, number>();
  for (const { seq, names } of named) for (const name of names) inForce.set(name, seq);
  return inForce;
}
