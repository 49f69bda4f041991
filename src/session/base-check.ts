// Proving a base before the kernel parses it: its bytes must be those that the log names.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { DeskPodError } from '../core/errors.ts';
import { isSystemError } from '../sync/durable-file.ts';

const READ_BYTES = 4 << 20;

/**
 * Reads a base image to its end.
 *
 * @throws DeskPodError BASE_NOT_FOUND if the device lacks it, BASE_DAMAGED if its bytes are not those of `sha256`
 */
export async function proveBase(path: string, sha256: string): Promise<void> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(piece);
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT')) throw cause;
    throw new DeskPodError('BASE_NOT_FOUND', `${path}: the device lacks the base of its pod`, {
      hint: 'Rebuild the device from home with `deskpod restore`.',
      details: { sha256 },
      cause,
    });
  }
  const found = hash.digest('hex');
  if (found === sha256) return;
  throw new DeskPodError('BASE_DAMAGED', `${path}: expected SHA-256 ${sha256}, got ${found}`, {
    hint: 'The base was damaged or replaced. Rebuild the device from home with `deskpod restore`.',
    details: { expected: sha256, found },
  });
}
