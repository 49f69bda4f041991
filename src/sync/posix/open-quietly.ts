// Opening a file of somebody else's tree: not through a symlink, not waiting for a fifo, leaving no access time.
import { constants, openSync } from 'node:fs';

/** Not through a symlink, and not waiting for a fifo's other end. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A descriptor of what is at `place`, which the caller closes; undefined if that is a symlink. Throws the system's error. */
export function openQuietly(place: Uint8Array): number | undefined {
  const path = Buffer.from(place.buffer, place.byteOffset, place.length);
  try {
    return openSync(path, OPEN_FLAGS | constants.O_NOATIME);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code === 'ELOOP') return undefined; // it has become a symlink
    if (error.code !== 'EPERM') throw error;
  }
  // only a file's owner may read it without leaving an access time
  return openSync(path, OPEN_FLAGS);
}
