// The marker of a pod on a device: the one file that is read before anything is unlocked.
import { ByteReader, ByteWriter, equalBytes } from './bytes.ts';
import { DeskPodError } from './errors.ts';
import type { PodKind } from './events.ts';
import { HASH_BYTES, type Sealing } from './hashing.ts';
import { ID_BYTES, type LogIdentity } from './segment.ts';

const MAGIC = 'DPD1';
const VERSION = 1;
/** By their numbers, from 1. */
const KINDS: readonly Pick<Marker, 'kind' | 'isTwin'>[] = [
  { kind: 'desktop', isTwin: false },
  { kind: 'tree', isTwin: false },
  { kind: 'desktop', isTwin: true },
  { kind: 'tree', isTwin: true },
];

/** What the marker says. */
export interface Marker extends LogIdentity {
  readonly kind: PodKind;
  /** The device only follows the pod: `deviceId` is the one that it takes on when it is promoted, `epoch` is 0. */
  readonly isTwin: boolean;
  /**
   * 16 bytes that name what the device lay on when the marker was written. Found on something else, the device was moved
   * or copied. All zero if nothing names it.
   */
  readonly placeId: Uint8Array;
}

/** The bytes of a marker. */
export function encodeMarker(marker: Marker, { hashing, logKey }: Sealing): Uint8Array {
  const signed = new ByteWriter(128)
    .text(MAGIC)
    .u8(VERSION)
    .fixed(marker.podId, ID_BYTES)
    .fixed(marker.deviceId, ID_BYTES)
    .u32(marker.epoch)
    .u8(KINDS.findIndex(({ kind, isTwin }) => kind === marker.kind && isTwin === marker.isTwin) + 1)
    .fixed(marker.placeId, ID_BYTES);
  return signed.fixed(hashing.hmac(logKey, signed.finish()), HASH_BYTES).finish();
}

/** What a marker says, with nothing proven: enough to find the keyring. Throws MARKER_DAMAGED or FORMAT_UNKNOWN. */
export function peekMarker(bytes: Uint8Array): Marker {
  const reader = new ByteReader(bytes, 'MARKER_DAMAGED', 'marker');
  reader.magic(MAGIC);
  reader.version(VERSION);
  const podId = reader.take(ID_BYTES);
  const deviceId = reader.take(ID_BYTES);
  const epoch = reader.u32();
  const kind = KINDS[reader.u8() - 1];
  if (kind === undefined)
    throw reader.damaged('expected a desktop, a tree or a twin of one, got another kind');
  const placeId = reader.take(ID_BYTES);
  reader.take(HASH_BYTES);
  reader.end();
  return { podId, deviceId, epoch, ...kind, placeId };
}

/** What a marker says, proven by its MAC. Throws MARKER_DAMAGED or FORMAT_UNKNOWN. */
export function decodeMarker(bytes: Uint8Array, { hashing, logKey }: Sealing): Marker {
  const marker = peekMarker(bytes);
  const signed = bytes.subarray(0, bytes.length - HASH_BYTES);
  if (!equalBytes(bytes.subarray(signed.length), hashing.hmac(logKey, signed))) {
    throw new DeskPodError('MARKER_DAMAGED', 'marker: expected the MAC of its bytes, got another');
  }
  return marker;
}
