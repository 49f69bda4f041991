// Checking objects that are no packs: keyrings, segments and bases, whose bytes must be those of their names.
import type { Repository } from '../repository/repository.ts';
import { type DamagedObject, damageOf, type ObjectId } from './damage.ts';

/** What an object was found to be. */
export interface CheckedObject {
  readonly damage: DamagedObject | undefined;
  /** Bytes that were read from end to end. */
  readonly readBytes: number;
}

/** Reads an object from end to end. */
export async function readObjectFully(repository: Repository, id: ObjectId): Promise<CheckedObject> {
  try {
    const { sizeBytes } = await repository.verifyObject(id.kind, id.name);
    return { damage: undefined, readBytes: sizeBytes };
  } catch (error) {
    return { damage: expectDamage(id, error), readBytes: 0 };
  }
}

/** Looks whether an object is there, in the length it should have if that is known. */
export async function findObject(
  repository: Repository,
  id: ObjectId,
  sizeBytes?: number,
): Promise<CheckedObject> {
  try {
    const actualBytes = await repository.objectSize(id.kind, id.name);
    if (sizeBytes === undefined || actualBytes === sizeBytes) return { damage: undefined, readBytes: 0 };
    const text = `expected ${sizeBytes} bytes, got ${actualBytes}`;
    return { damage: { ...id, fault: 'damaged', text }, readBytes: 0 };
  } catch (error) {
    return { damage: expectDamage(id, error), readBytes: 0 };
  }
}

function expectDamage(id: ObjectId, error: unknown): DamagedObject {
  const damage = damageOf(id, error);
  if (damage === undefined) throw error;
  return damage;
}
