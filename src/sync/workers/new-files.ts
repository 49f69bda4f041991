// Files that are made of one chunk each, as bytes in a row.
import type { FileFacts } from '../posix/new-file.ts';

/** A file that is to be made, and of whom nothing is there yet. */
export interface NewFile extends FileFacts {
  /** Its absolute path's bytes. Others can not enter its folder. */
  readonly place: Uint8Array;
}

/** The file as it travels: its path ends with NUL. */
interface DecodedFile extends FileFacts {
  readonly cpath: Uint8Array;
}

const HEAD_BYTES = 2 + 4 + 4 + 8 + 2;

/** The bytes of one file. */
export function encodeNewFile({ place, mode, uid, gid, mtimeNs }: NewFile): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + place.length + 1);
  let at = bytes.writeUInt16LE(mode);
  at = bytes.writeUInt32LE(uid, at);
  at = bytes.writeUInt32LE(gid, at);
  at = bytes.writeBigInt64LE(mtimeNs, at);
  at = bytes.writeUInt16LE(place.length, at);
  bytes.set(place, at);
  bytes[at + place.length] = 0;
  return bytes;
}

/** What {@link encodeNewFile} encoded, one after the other. */
export function* decodeNewFiles(encoded: Uint8Array): Generator<DecodedFile> {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const placeAt = at + HEAD_BYTES;
    const end = placeAt + bytes.readUInt16LE(at + 18) + 1;
    yield {
      mode: bytes.readUInt16LE(at),
      uid: bytes.readUInt32LE(at + 2),
      gid: bytes.readUInt32LE(at + 6),
      mtimeNs: bytes.readBigInt64LE(at + 10),
      cpath: bytes.subarray(placeAt, end),
    };
    at = end;
  }
}
