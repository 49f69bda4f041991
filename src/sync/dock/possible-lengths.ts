// Whether the objects on a device can have the lengths that they claim: a file of no bytes at all may claim terabytes.
import { lstat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { SEALED_PACK_MOST_BYTES } from '../../core/pack.ts';
import { SEALED_SEGMENT_MOST_BYTES } from '../../core/segment.ts';
import { lengthsOf } from '../home/object-lengths.ts';
import { firstHole } from '../posix/sparse.ts';
import { openPlainFile } from '../repository/plain-file.ts';

const BLOCK_BYTES = 512;
/** Holes in smaller files are not looked for: there cannot be more of them than their file system has room for. */
const HOLES_FROM_BYTES = 1024 * 1024;

/**
 * Requires of objects, given by their paths, that none is longer than one of its kind can be, that none is a hole for the
 * most part, and that all of them have room in the file system on which they lie. Reads none of them.
 *
 * @throws DeskPodError OBJECT_DAMAGED that names one; OBJECT_MISSING
 */
export async function requirePossibleLengths(
  repositoryDir: string,
  objects: readonly string[],
): Promise<void> {
  const lengths = [...lengthsOf(repositoryDir, objects)];
  for (const [object, sizeBytes] of lengths) {
    const mostBytes = mostOf(object);
    if (sizeBytes > mostBytes) throw impossible(object, `at most ${mostBytes} bytes`, `${sizeBytes} bytes`);
    if (sizeBytes > HOLES_FROM_BYTES && (await isMostlyHole(join(repositoryDir, object), object)))
      throw impossible(object, `${sizeBytes} bytes on the device`, 'a file that is a hole for the most part');
  }
  const { blocks, bsize } = await statfs(repositoryDir);
  const capacityBytes = blocks * bsize;
  const totalBytes = lengths.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0);
  // some file systems over a network do not know how long they are
  if (capacityBytes === 0 || totalBytes <= capacityBytes) return;
  const [longest = ''] = lengths.reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
  throw impossible(
    longest,
    `it and the other objects to have at most the ${capacityBytes} bytes of their file system`,
    `${totalBytes} bytes`,
  );
}

function mostOf(object: string): number {
  if (object.startsWith('packs/')) return SEALED_PACK_MOST_BYTES;
  return object.startsWith('segments/') ? SEALED_SEGMENT_MOST_BYTES : Number.POSITIVE_INFINITY;
}

/** File systems that compress, or tell blocks late, use fewer than the length without any hole. */
async function isMostlyHole(path: string, subject: string): Promise<boolean> {
  const { blocks, size } = await lstat(path);
  if (blocks * BLOCK_BYTES >= size / 2) return false;
  const file = await openPlainFile({ path, code: 'OBJECT_DAMAGED', subject });
  try {
    return firstHole(file.fd, size) < size;
  } finally {
    await file.close();
  }
}

function impossible(object: string, expected: string, got: string): DeskPodError {
  return new DeskPodError('OBJECT_DAMAGED', `${object}: expected ${expected}, got ${got}`, {
    hint:
      'Nothing of the device was copied. If it is yours, `deskpod verify -d DEVICE --read-data --home URL` heals it from ' +
      'home; a file of that name that it does not know you can delete.',
    details: { object },
  });
}
