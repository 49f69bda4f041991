// Checking one pack: that it opens and says what it holds, and if asked to, every byte of it.
import { toHex } from '../../core/bytes.ts';
import type { PackEntry } from '../../core/pack.ts';
import type { ChunkIndex } from '../repository/chunk-index.ts';
import { PackFile } from '../repository/pack-file.ts';
import type { Repository } from '../repository/repository.ts';
import type { Crew } from '../workers/crew.ts';
import { type DamagedObject, damageOf, type ObjectId } from './damage.ts';

/** What checking packs needs. */
export interface PackSource {
  readonly repository: Repository;
  readonly index: ChunkIndex;
  /** The pod's. */
  readonly identity: string;
  readonly crew: Crew;
}

/** What a pack was found to be. */
export interface CheckedPack {
  readonly name: string;
  /** The chunks that it holds whole, as far as it was looked at; none if it does not open. */
  readonly entries: readonly PackEntry[];
  readonly damage: DamagedObject | undefined;
  /** Of these chunks, how many the chunk index says lie here: it may know another place of the same chunk. */
  readonly indexedCount: number;
  /** Bytes that were read from end to end. */
  readonly readBytes: number;
  /** The chunk index said other things of it, and does so no more. */
  readonly isIndexCorrected: boolean;
}

/**
 * Checks a pack. One whose index is not what the chunk index says is read in any case: either the pack is another than
 * its name says, or the chunk index is wrong, and then it is corrected.
 */
export async function checkPack(source: PackSource, name: string, isRead: boolean): Promise<CheckedPack> {
  const { repository, index, identity } = source;
  const id: ObjectId = { kind: 'packs', name };
  let pack: PackFile;
  try {
    pack = await PackFile.open(repository, name, identity);
  } catch (error) {
    return broken(id, error);
  }
  try {
    const entries = await pack.entries();
    const isReflected = isIndexed(index, name, entries);
    if (!isRead && isReflected) {
      const indexedCount = countIndexed(index, name, entries);
      return { name, entries, damage: undefined, indexedCount, readBytes: 0, isIndexCorrected: false };
    }
    const checked = await readPack(source, pack, entries);
    const isIndexCorrected = checked.damage === undefined && !isReflected;
    if (isIndexCorrected) await index.addPack(name, entries);
    return { ...checked, isIndexCorrected, indexedCount: countIndexed(index, name, entries) };
  } catch (error) {
    return broken(id, error);
  } finally {
    await pack.close();
  }
}

async function readPack({ crew }: PackSource, pack: PackFile, entries: PackEntry[]): Promise<CheckedPack> {
  const { name } = pack;
  const { fd, parts } = pack.shared;
  // views would take all the bytes that they are of along
  const copies = entries.map((entry) => ({ ...entry, id: new Uint8Array(entry.id) }));
  const { sha256, damagedChunks, unreadable } = await crew
    .thread()
    .ask({ type: 'prove', number: 0, fd, parts, entries: copies });
  const checked = {
    ...{ name, entries: copies, readBytes: parts.fileBytes },
    ...{ indexedCount: 0, isIndexCorrected: false },
  };
  const actual = toHex(sha256);
  if (unreadable === undefined && actual === name && damagedChunks.length === 0)
    return { ...checked, damage: undefined };
  const isDamaged = new Set(damagedChunks);
  const whole = copies.filter((_, i) => !isDamaged.has(i));
  const chunks = `${damagedChunks.length} of ${copies.length} chunks are damaged`;
  const damage: DamagedObject =
    unreadable === undefined
      ? {
          kind: 'packs',
          name,
          fault: 'damaged',
          text: `expected the bytes of its name, got others; ${chunks}`,
        }
      : { kind: 'packs', name, fault: 'unreadable', text: `${unreadable}; ${chunks}` };
  return { ...checked, entries: whole, damage };
}

/** True if the chunk index says of a pack what its own index says; a chunk may lie in another pack, too. */
function isIndexed(index: ChunkIndex, name: string, entries: readonly PackEntry[]): boolean {
  if (!index.packs().has(name)) return false;
  return entries.every(({ id, offset, storedLength, plainLength, codec }) => {
    const found = index.locate(id);
    if (found === undefined || found.pack !== name) return found !== undefined;
    const isSamePlace = found.offset === offset && found.storedLength === storedLength;
    return isSamePlace && found.plainLength === plainLength && found.codec === codec;
  });
}

function countIndexed(index: ChunkIndex, name: string, entries: readonly PackEntry[]): number {
  return entries.reduce((count, { id }) => count + (index.locate(id)?.pack === name ? 1 : 0), 0);
}

function broken(id: ObjectId, error: unknown): CheckedPack {
  const damage = damageOf(id, error);
  if (damage === undefined) throw error;
  return { name: id.name, entries: [], damage, indexedCount: 0, readBytes: 0, isIndexCorrected: false };
}
