// Proving a base before the kernel parses it: its bytes must be those that the log names.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { DeskPodError } from '../../core/errors.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import type { Repository } from '../../sync/repository/repository.ts';

const READ_BYTES = 4 << 20;

/** The hashes of bases, by path; reading them may still be under way. */
export type BaseHashes = ReadonlyMap<string, Promise<string>>;

/**
 * Begins to read every base of a repository. Which one the pod needs stands in its log, which is still locked while the
 * passphrase is worked on: that second is enough to have read it by then.
 */
export async function beginBaseHashes(repository: Repository): Promise<BaseHashes> {
  const hashes = new Map<string, Promise<string>>();
  for (const name of await repository.listObjects('bases')) {
    const path = repository.objectPath('bases', name);
    const hash = hashFile(path);
    // Whoever needs this base is told of a failure; the others have no use for it.
    hash.catch(() => undefined);
    hashes.set(path, hash);
  }
  return hashes;
}

/**
 * Proves that the base at `path` is the one of this hash.
 *
 * @throws DeskPodError BASE_NOT_FOUND if the device lacks it, BASE_DAMAGED if its bytes are others
 */
export async function proveBase(path: string, sha256: string, hashes: BaseHashes = new Map()): Promise<void> {
  let found: string;
  try {
    found = await (hashes.get(path) ?? hashFile(path));
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT')) throw cause;
    throw new DeskPodError('BASE_NOT_FOUND', `${path}: the device lacks the base of its pod`, {
      hint: 'Rebuild the device from home with `deskpod restore`.',
      details: { sha256 },
      cause,
    });
  }
  if (found === sha256) return;
  throw new DeskPodError('BASE_DAMAGED', `${path}: expected SHA-256 ${sha256}, got ${found}`, {
    hint: 'The base was damaged or replaced. Rebuild the device from home with `deskpod restore`.',
    details: { expected: sha256, found },
  });
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(piece);
  return hash.digest('hex');
}
