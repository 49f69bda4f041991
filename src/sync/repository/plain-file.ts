// Files that someone else may have put in the place of ours: a pipe would be waited for, a device be asked, a link followed.

import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { DeskPodError, type ErrorCode } from '../../core/errors.ts';
import { systemCodeOf } from '../storage-failure.ts';

/** What is not a folder on the way to a file. */
const NO_WAY: ReadonlySet<string> = new Set(['ELOOP', 'ENOTDIR']);

/** What a file is, to whoever is told that it is not there as it should be. */
export interface PlainFile {
  readonly path: string;
  readonly code: ErrorCode;
  /** What messages call it. */
  readonly subject: string;
}

/**
 * Opens a plain file for reading; the caller closes it.
 * @throws DeskPodError with the file's code if it is anything else; the system's error, such as ENOENT
 */
export async function openPlainFile({ path, code, subject }: PlainFile): Promise<FileHandle> {
  const refuse = (found: string, cause?: unknown): DeskPodError =>
    new DeskPodError(code, `${subject}: expected a plain file, got ${found}`, {
      hint: 'Someone or something else wrote to the drive. Restore the pod from home.',
      details: { path },
      ...(cause === undefined ? {} : { cause }),
    });
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const found = await lstat(path).catch(() => undefined);
    if (found !== undefined && !found.isFile()) throw refuse(kindOf(found), error);
    const reason = systemCodeOf(error) ?? '';
    throw NO_WAY.has(reason) ? refuse(reason, error) : error;
  }
  const stat = await file.stat();
  if (stat.isFile()) return file;
  await file.close();
  throw refuse(kindOf(stat));
}

/**
 * All bytes of a plain file.
 * @param mostBytes what it can have at most: memory is made for no more
 * @throws as {@link openPlainFile}, also for a longer one
 */
export async function readPlainFile(
  plain: PlainFile,
  mostBytes = Number.POSITIVE_INFINITY,
): Promise<Uint8Array> {
  const file = await openPlainFile(plain);
  try {
    const { size } = await file.stat();
    if (size > mostBytes) {
      throw new DeskPodError(
        plain.code,
        `${plain.subject}: expected at most ${mostBytes} bytes, got ${size}`,
        {
          details: { path: plain.path, sizeBytes: size },
        },
      );
    }
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}

function kindOf(found: Stats): string {
  if (found.isSymbolicLink()) return 'a link';
  return found.isDirectory() ? 'a folder' : 'a pipe, socket or device';
}

/** Of a marker, far more than it ever has: a file can claim any length. */
const MARKER_MOST_BYTES = 2 ** 12;

/** The bytes of a marker. @throws as {@link readPlainFile}, with MARKER_DAMAGED */
export function readMarkerFile(path: string): Promise<Uint8Array> {
  return readPlainFile({ path, code: 'MARKER_DAMAGED', subject: 'the marker' }, MARKER_MOST_BYTES);
}
