// A file that will hold a secret: made before there is one, for its owner only, never over another file.
import { type FileHandle, open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DeskPodError } from '../core/errors.ts';

/** A place that is taken for a secret. */
export interface SecretFile {
  readonly path: string;
  /** Writes it, durably, and closes the file. @throws DeskPodError TARGET_WRITE_FAILED */
  write(text: string): Promise<void>;
  /** Takes the empty file away again, as there will be no secret. */
  discard(): Promise<void>;
}

/**
 * Takes a place for a secret.
 *
 * @throws DeskPodError TARGET_WRITE_FAILED if something is there, or nothing can be made there
 */
export async function reserveSecretFile(given: string): Promise<SecretFile> {
  const path = resolve(given);
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw failed(path, cause);
  });
  return {
    path,
    write: (text) => fill(file, path, text),
    discard: async () => {
      await file.close();
      await rm(path, { force: true });
    },
  };
}

async function fill(file: FileHandle, path: string, text: string): Promise<void> {
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (cause) {
    throw failed(path, cause);
  } finally {
    await file.close();
  }
}

function failed(path: string, cause: unknown): DeskPodError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DeskPodError('TARGET_WRITE_FAILED', `${path}: expected a new file, got ${reason}`, {
    hint: 'Name a file that is not there yet, in a folder that you may write.',
    details: { path },
    cause,
  });
}
