// What home's head vouches for: objects that home has counted on ever since that head came.
import { toHex } from '../../core/bytes.ts';
import { isDeskPodError } from '../../core/errors.ts';
import { peekHead } from '../../core/head.ts';
import type { InventoryEntry } from '../../core/inventory.ts';
import { HomeFolder } from '../retention/home-folder.ts';
import { HomeInventories, needsOf } from '../retention/home-inventories.ts';

/**
 * Tells by its path whether an object at home came with home's head, or before. One that an interrupted taking over left
 * there did not, and nobody has hashed it. If nothing tells what the head needs, no object is vouched for.
 *
 * @param podDir of the pod at home
 * @param headBytes the head that home has
 */
export async function findVouched(
  podDir: string,
  headBytes: Uint8Array,
): Promise<(object: string) => boolean> {
  const needs = await needsOfHead(new HomeFolder(podDir), headBytes);
  if (needs.length === 0) return () => false;
  const { seq, keyring } = peekHead(headBytes);
  return (object) => {
    const [kind, name = ''] = object.split('/');
    if (kind === 'segments') return Number(name.slice(0, 12)) <= seq;
    if (kind === 'keyrings') return name === toHex(keyring);
    return needs.every((paths) => paths.has(object));
  };
}

/** What home's head needs, as far as its inventories tell. */
export async function entriesOfHead(podDir: string, headBytes: Uint8Array): Promise<InventoryEntry[]> {
  const needs = await needsOfHead(new HomeFolder(podDir), headBytes);
  return needs.flatMap((paths) => [...paths].flatMap((path) => entryAt(path) ?? []));
}

/** The object at a path at home; undefined for what no inventory lists. */
function entryAt(path: string): InventoryEntry | undefined {
  const [, kind, name] = /^(packs|bases)\/(?:[0-9a-f]{2}\/)?([0-9a-f]{64})\./.exec(path) ?? [];
  return name === undefined ? undefined : { kind: kind as InventoryEntry['kind'], name };
}

/** What each inventory of a head lists: there are two if it was taken over, and synced besides. None if one cannot be read. */
async function needsOfHead(folder: HomeFolder, headBytes: Uint8Array): Promise<ReadonlySet<string>[]> {
  try {
    const heads = (await new HomeInventories(folder).read(headBytes)).filter(({ isPresent }) => isPresent);
    return heads.every(({ fault }) => fault === undefined) ? heads.map((head) => new Set(needsOf(head))) : [];
  } catch (error) {
    // a branch of which nothing tells what it needs
    if (!isDeskPodError(error, 'HOME_DAMAGED')) throw error;
    return [];
  }
}
