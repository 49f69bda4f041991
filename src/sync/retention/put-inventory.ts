// The inventory that goes home with a head: what home must keep for it.

import { peekHead } from '../../core/head.ts';
import { encodeInventory, type InventoryEntry } from '../../core/inventory.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { PodState } from '../../core/state.ts';
import { hashing } from '../hashing.ts';
import type { Pod } from '../pod/pod.ts';
import type { Repository } from '../repository/repository.ts';

/**
 * Puts the inventory of the head at the log's end into the repository, and takes the former ones away: they lie at home.
 *
 * @returns the paths of its pages and its own, in the order in which they must come home
 * @throws DeskPodError SPACE_EXHAUSTED
 */
export function putInventory({ repository, state }: Pod, headBytes: Uint8Array): Promise<string[]> {
  return storeInventory(repository, headBytes, neededFor(state));
}

/** The same for entries that the caller knows. */
export async function storeInventory(
  repository: Repository,
  headBytes: Uint8Array,
  entries: readonly InventoryEntry[],
): Promise<string[]> {
  const { bytes, pages } = encodeInventory(headBytes, entries, hashing);
  for (const page of pages) await repository.putObject('catalog', page.bytes);
  const { name } = await repository.putObject('inventories', bytes, { firstSeq: peekHead(headBytes).seq });
  for (const former of await repository.listObjects('inventories')) {
    if (former !== name) await repository.removeObject('inventories', former);
  }
  const isInForce = new Set(pages.map((page) => page.name));
  for (const former of await repository.listObjects('catalog')) {
    if (!isInForce.has(former)) await repository.removeObject('catalog', former);
  }
  return [...pages.map((page) => `catalog/${page.name}`), `inventories/${name}`];
}

/** Packs in force, and the bases below the checkpoints and in use. */
function neededFor({ packs, checkpoints, base }: PodState): InventoryEntry[] {
  const bases = new Set([...checkpoints.map((checkpoint) => checkpoint.base), base?.sha256]);
  return [
    ...[...packsInForce(packs).keys()].map((name) => ({ kind: 'packs' as const, name })),
    ...[...bases].flatMap((name) => (name === undefined ? [] : [{ kind: 'bases' as const, name }])),
  ];
}
