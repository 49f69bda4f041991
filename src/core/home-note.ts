// The note that a home leaves on a device whose pod was not open: events for the pod's log, when it is opened the next time.
import { ByteReader, ByteWriter, equalBytes } from './bytes.ts';
import type { HomeNote } from './decide.ts';
import { DeskPodError } from './errors.ts';
import { decodeEvent, encodeEvent } from './event-codec.ts';
import { HASH_BYTES, type Sealing } from './hashing.ts';
import { ID_BYTES } from './segment.ts';

const MAGIC = 'DPN1';
const VERSION = 1;
/** Of each home one of each sort. */
const EVENTS_MAX = 64;

/** The bytes of a note. RangeError for more events than one has. */
export function encodeHomeNote(
  podId: Uint8Array,
  events: readonly HomeNote[],
  { hashing, logKey }: Sealing,
): Uint8Array {
  if (events.length > EVENTS_MAX)
    throw new RangeError(`expected at most ${EVENTS_MAX} events, got ${events.length}`);
  const signed = new ByteWriter(512).text(MAGIC).u8(VERSION).fixed(podId, ID_BYTES).u32(events.length);
  for (const event of events) signed.prefixed(encodeEvent(event));
  return signed.fixed(hashing.hmac(logKey, signed.finish()), HASH_BYTES).finish();
}

/**
 * What a note of this pod says, proven by its MAC. Anybody may have written what lies there: its code says only that it is
 * none.
 *
 * @throws DeskPodError RECORD_DAMAGED, FORMAT_UNKNOWN, EVENT_UNKNOWN
 */
export function decodeHomeNote(
  bytes: Uint8Array,
  podId: Uint8Array,
  { hashing, logKey }: Sealing,
): HomeNote[] {
  const signed = bytes.subarray(0, Math.max(0, bytes.length - HASH_BYTES));
  if (!equalBytes(bytes.subarray(signed.length), hashing.hmac(logKey, signed)))
    throw new DeskPodError('RECORD_DAMAGED', 'note of a home: expected the MAC of its bytes, got another');
  const reader = new ByteReader(signed, 'RECORD_DAMAGED', 'note of a home');
  reader.magic(MAGIC);
  reader.version(VERSION);
  if (!equalBytes(reader.take(ID_BYTES), podId))
    throw reader.damaged('expected that of this pod, got another’s');
  const eventCount = reader.count(reader.u32(), 1);
  if (eventCount > EVENTS_MAX)
    throw reader.damaged(`expected at most ${EVENTS_MAX} events, got ${eventCount}`);
  const events: HomeNote[] = [];
  for (let i = 0; i < eventCount; i++) {
    const event = decodeEvent(reader.prefixed());
    if (event.type !== 'home.docked' && event.type !== 'restore.proven')
      throw reader.damaged(`expected an event that homes write, got ${event.type}`);
    events.push(event);
  }
  reader.end();
  return events;
}
