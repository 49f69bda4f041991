// The head of a repository: which record of which log is the latest there.
import { ByteReader, ByteWriter, equalBytes, toHex } from './bytes.ts';
import { DeskPodError } from './errors.ts';
import { HASH_BYTES, type Hashing, type Sealing } from './hashing.ts';
import { ID_BYTES, type LogIdentity } from './segment.ts';

const MAGIC = 'DPH1';
const VERSION = 1;

/** What the head says. */
export interface Head extends LogIdentity {
  /** The latest record that the repository holds with all that it refers to. */
  readonly seq: number;
  /** SHA-256 of that record's body. */
  readonly recordHash: Uint8Array;
  /** The SHA-256 that names the keyring in force. */
  readonly keyring: Uint8Array;
}

/** The bytes of a head. */
export function encodeHead(head: Head, { hashing, logKey }: Sealing): Uint8Array {
  const signed = new ByteWriter(160)
    .text(MAGIC)
    .u8(VERSION)
    .fixed(head.podId, ID_BYTES)
    .u32(head.epoch)
    .fixed(head.deviceId, ID_BYTES)
    .u64(head.seq)
    .fixed(head.recordHash, HASH_BYTES)
    .fixed(head.keyring, HASH_BYTES);
  return signed.fixed(hashing.hmac(logKey, signed.finish()), HASH_BYTES).finish();
}

/** The name of the object that a head is kept as when it is one of a branch. */
export function branchHeadName(bytes: Uint8Array, { sha256 }: Hashing): string {
  return `${String(peekHead(bytes).seq).padStart(12, '0')}-${toHex(sha256(bytes))}`;
}

/**
 * What a head says, with nothing proven: for finding the keyring whose secrets then prove it with {@link decodeHead}.
 * Throws HEAD_DAMAGED or FORMAT_UNKNOWN.
 */
export function peekHead(bytes: Uint8Array): Head {
  const reader = new ByteReader(bytes, 'HEAD_DAMAGED', 'head');
  reader.magic(MAGIC);
  reader.version(VERSION);
  const head = {
    podId: reader.take(ID_BYTES),
    epoch: reader.u32(),
    deviceId: reader.take(ID_BYTES),
    seq: reader.u64(),
    recordHash: reader.take(HASH_BYTES),
    keyring: reader.take(HASH_BYTES),
  };
  reader.take(HASH_BYTES);
  reader.end();
  return head;
}

/** What a head says, proven by its MAC. Throws HEAD_DAMAGED or FORMAT_UNKNOWN. */
export function decodeHead(bytes: Uint8Array, { hashing, logKey }: Sealing): Head {
  const head = peekHead(bytes);
  const signed = bytes.subarray(0, bytes.length - HASH_BYTES);
  if (!equalBytes(bytes.subarray(signed.length), hashing.hmac(logKey, signed))) {
    throw new DeskPodError('HEAD_DAMAGED', 'head: expected the MAC of its bytes, got another');
  }
  return head;
}
