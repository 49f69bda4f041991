// Proving a base before the kernel parses it: its bytes must be those that the log names.
import { createHash } from 'node:crypto';
import { DeskPodError } from '../../core/errors.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { openPlainFile } from '../../sync/repository/plain-file.ts';
import type { Repository } from '../../sync/repository/repository.ts';

const READ_BYTES = 4 << 20;

/** The hashes of bases, while they are read. */
export interface BaseHashes {
  /** By path; undefined for one that is not read. */
  of(path: string): Promise<string> | undefined;
  /** Ends the reading: on return no base is open. */
  stop(): Promise<void>;
}

/**
 * Begins to read every base of a repository. Which one the pod needs stands in its log, which is still locked while the
 * passphrase is worked on: that second is enough to have read it by then.
 */
export async function beginBaseHashes(repository: Repository): Promise<BaseHashes> {
  const hashes = new Map<string, Promise<string>>();
  const stopping = new AbortController();
  for (const name of await repository.listObjects('bases')) {
    const path = repository.objectPath('bases', name);
    const hash = hashFile(path, stopping.signal);
    // Whoever needs this base is told of a failure; the others have no use for it.
    hash.catch(() => undefined);
    hashes.set(path, hash);
  }
  return {
    of: (path) => hashes.get(path),
    stop: async () => {
      stopping.abort();
      await Promise.allSettled(hashes.values());
    },
  };
}

/**
 * Proves that the base at `path` is the one of this hash.
 *
 * @throws DeskPodError BASE_NOT_FOUND if the device lacks it, BASE_DAMAGED if its bytes are others
 */
export async function proveBase(path: string, sha256: string, hashes?: BaseHashes): Promise<void> {
  let found: string;
  try {
    found = await (hashes?.of(path) ?? hashFile(path));
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

async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const file = await openPlainFile({ path, code: 'BASE_DAMAGED', subject: path });
  try {
    const piece = Buffer.alloc(READ_BYTES);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
