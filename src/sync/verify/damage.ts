// What a verify finds wrong with an object, in words and as a value.
import { type DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { OBJECT_KINDS, type ObjectKind, type Repository } from '../repository/repository.ts';
import { isUnreadable } from '../storage-failure.ts';

/** `missing`: not there. `damaged`: other bytes. `unreadable`: the drive does not give its bytes. */
export type Fault = 'missing' | 'damaged' | 'unreadable';

/** An object of a repository. */
export interface ObjectId {
  readonly kind: ObjectKind;
  readonly name: string;
}

/** An object that is not as it should be. */
export interface DamagedObject extends ObjectId {
  readonly fault: Fault;
  /** What was expected and what came, for people. */
  readonly text: string;
}

/** `packs/NAME`, as messages and events name an object. */
export function objectLabel({ kind, name }: ObjectId): string {
  return `${kind}/${name}`;
}

/** The path of an object within its repository. */
export function objectPlace(repository: Repository, { kind, name }: ObjectId): string {
  return repository.objectPath(kind, name).slice(repository.dir.length + 1);
}

/** The object that a path within a repository names; undefined if it names none. */
export function objectAt(repository: Repository, place: string): ObjectId | undefined {
  const kind = OBJECT_KINDS.find((each) => place.startsWith(`${each}/`));
  const name = /([^/]+?)(?:\.age|\.erofs)?$/.exec(place)?.[1];
  if (kind === undefined || name === undefined || !/^(?:\d{12}-)?[0-9a-f]{64}$/.test(name)) return undefined;
  try {
    return objectPlace(repository, { kind, name }) === place ? { kind, name } : undefined;
  } catch (error) {
    if (error instanceof TypeError) return undefined; // a name of another kind
    throw error;
  }
}

/** The damage that an error tells of; undefined if it is about something else, such as a lack of memory. */
export function damageOf(id: ObjectId, error: unknown): DamagedObject | undefined {
  if (isSystemError(error, 'ENOENT')) return { ...id, fault: 'missing', text: 'expected it, got nothing' };
  if (isUnreadable(error)) return { ...id, fault: 'unreadable', text: messageOf(error) };
  if (!isDeskPodError(error)) return undefined;
  if (error.code === 'OBJECT_MISSING') return { ...id, fault: 'missing', text: 'expected it, got nothing' };
  if (!isDamage(error)) return undefined;
  const text = error.message.replaceAll(`${objectLabel(id)}: `, '').replaceAll(`pack ${id.name}: `, '');
  return { ...id, fault: 'damaged', text };
}

/** True for what is said of bytes that are wrong or absent. */
export function isDamage(error: unknown): error is DeskPodError {
  return isDeskPodError(error) && /_(?:DAMAGED|MISSING|UNKNOWN)$|^KEYRING_NO_IDENTITY$/.test(error.code);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
