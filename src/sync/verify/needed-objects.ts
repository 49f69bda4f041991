// Which objects a repository must have, by the log: at its end on the device, up to its head at a home.
import { packsInForce } from '../../core/packs-in-force.ts';
import type { PodState } from '../../core/state.ts';
import type { ObjectId } from './damage.ts';

/** The packs in force that were named up to a position of the log. */
export function neededPacks(state: PodState, upToSeq = state.seq): string[] {
  return [...packsInForce(state.packs)].flatMap(([name, seq]) => (seq <= upToSeq ? [name] : []));
}

/** The bases below the checkpoints up to a position, and the one in use. */
export function neededBases(state: PodState, upToSeq = state.seq): string[] {
  const below = state.checkpoints.filter(({ seq }) => seq <= upToSeq).map(({ base }) => base);
  const present = upToSeq === state.seq ? [state.base?.sha256] : [];
  return [...new Set([...below, ...present].filter((base) => base !== undefined))];
}

/** What a home whose head stands at `upToSeq` must have. `segments` are those of the chain to that head. */
export function neededAtHome(
  state: PodState,
  head: { readonly seq: number; readonly keyring: string },
  segments: readonly string[],
): ObjectId[] {
  return [
    { kind: 'keyrings', name: head.keyring },
    ...segments.map((name) => ({ kind: 'segments' as const, name })),
    ...neededBases(state, head.seq).map((name) => ({ kind: 'bases' as const, name })),
    ...neededPacks(state, head.seq).map((name) => ({ kind: 'packs' as const, name })),
  ];
}
