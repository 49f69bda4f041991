// Makes MACs hold again over mutated bytes: what somebody with the pod's keys could write.
import { concatBytes } from '../../src/core/bytes.ts';
import { sealing } from '../core/parser-suite.ts';

const { hashing, logKey } = sealing;
const MAC_BYTES = 32;
const FRAME_BYTES = 12;
const SEGMENT_HEADER_BYTES = 53;
const PREVIOUS_OFFSET = 17;

/** With the right MAC at the end, in the place of the last 32 bytes. */
export function signed(bytes: Uint8Array): Uint8Array {
  const body = bytes.subarray(0, Math.max(0, bytes.length - MAC_BYTES));
  return concatBytes([body, hashing.hmac(logKey, body)]);
}

/** The bytes as one record whose frame and MAC are right. */
export function framedRecord(bytes: Uint8Array): Uint8Array {
  const body = bytes.subarray(FRAME_BYTES, Math.max(FRAME_BYTES, bytes.length - MAC_BYTES));
  return frame(body);
}

/** A segment's records with right frames, MACs and chain, as far as their magics can still be found. */
export function chained(bytes: Uint8Array): Uint8Array {
  const parts = [bytes.subarray(0, SEGMENT_HEADER_BYTES)];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let previous: Uint8Array | undefined;
  for (let at = text.indexOf('DPR1', SEGMENT_HEADER_BYTES); at >= 0; ) {
    const next = text.indexOf('DPR1', at + 4);
    const record = bytes.subarray(at, next < 0 ? bytes.length : next);
    const body = record.slice(FRAME_BYTES, Math.max(FRAME_BYTES, record.length - MAC_BYTES));
    if (previous !== undefined && body.length >= PREVIOUS_OFFSET + MAC_BYTES)
      body.set(previous, PREVIOUS_OFFSET);
    previous = hashing.sha256(body);
    parts.push(frame(body));
    at = next;
  }
  return concatBytes(parts);
}

function frame(body: Uint8Array): Uint8Array {
  const head = Buffer.alloc(FRAME_BYTES);
  head.write('DPR1', 'latin1');
  head.writeUInt32LE(body.length, 4);
  head.writeUInt32LE(~body.length >>> 0, 8);
  return concatBytes([head, body, hashing.hmac(logKey, body)]);
}
