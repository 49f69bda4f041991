// What CRIU's images say of files that were deleted and are still open: some it links back into the file system.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../../sync/repository/durable-file.ts';

/** Two magic numbers. */
const HEADER_BYTES = 8;
/** Each entry: its length in four bytes, then the fields of CRIU's `remap_file_path_entry`, all of them numbers. */
const LENGTH_BYTES = 4;
const TYPE_FIELD = 3;
const GHOST = 1;
const PROCFS = 2;

/**
 * True if CRIU has given deleted files names again for as long as its images are needed: a layer that was captured before those
 * were complete may lack them. Also if that cannot be told. To be asked when the images are complete.
 */
export async function hasLinkedFiles(imagesDir: string): Promise<boolean> {
  let bytes: Buffer;
  try {
    bytes = await readFile(join(imagesDir, 'remap-fpath.img'));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    if (at + LENGTH_BYTES > bytes.length) return true;
    const from = at + LENGTH_BYTES;
    at = from + bytes.readUInt32LE(at);
    const type = at > bytes.length ? undefined : typeOf(bytes.subarray(from, at));
    // in its image, or a file of /proc
    if (type !== GHOST && type !== PROCFS) return true;
  }
  return false;
}

/** The type that an entry tells; undefined if it tells none. */
function typeOf(entry: Uint8Array): number | undefined {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < entry.length; shift += 7) {
      const byte = entry[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < entry.length) {
    const tag = varint();
    // a field that is no number
    if (tag % 8 !== 0) return undefined;
    const value = varint();
    if (Math.floor(tag / 8) === TYPE_FIELD) return value;
  }
  return undefined;
}
