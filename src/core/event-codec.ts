// The bytes of an event in a record of the log: JSON, of a type, version and shape that this program knows.
import { DeskPodError } from './errors.ts';
import { wrongEventField } from './event-shape.ts';
import type { PodEvent } from './events.ts';

const VERSIONS: { readonly [type in PodEvent['type']]: number } = {
  'pod.created': 1,
  'keyring.changed': 1,
  'base.added': 1,
  'session.started': 1,
  'session.resumed': 1,
  'session.suspended': 1,
  'session.stopped': 1,
  'session.lost': 1,
  'packages.installed': 1,
  'checkpoint.sealed': 1,
  'home.added': 1,
  'home.removed': 1,
  'home.acknowledged': 1,
  'home.reverted': 1,
  'home.branched': 1,
  'home.equipped': 1,
  'home.stripped': 1,
  'home.leased': 1,
  'home.docked': 1,
  'device.moved': 1,
  'device.forked': 1,
  'device.promoted': 1,
  'restore.completed': 1,
  'restore.proven': 1,
  'verify.completed': 1,
  'object.healed': 1,
  'checkpoints.forgotten': 1,
  'packs.pruned': 1,
  'watch.gap': 1,
  'checkpoint.doubted': 1,
  'checkpoint.accepted': 1,
  'mounts.changed': 1,
  'runtime.put': 1,
  'runtime.removed': 1,
  'processor.used': 1,
  'processor.limited': 1,
  'session.limited': 1,
  'schedule.set': 1,
  'schedule.removed': 1,
  'reserve.set': 1,
  'reserve.short': 1,
  'reserve.kept': 1,
  'barrier.violation': 1,
  'barrier.gap': 1,
};

/** The bytes of an event as a record carries them: UTF-8 JSON. */
export function encodeEvent(event: PodEvent): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(event));
}

/**
 * The event in a record's payload. The record's MAC has vouched for who wrote the bytes; that they have the shape of an
 * event is checked here, so that nothing is built from what makes no sense.
 *
 * @throws DeskPodError EVENT_UNKNOWN if a newer version of the program wrote it, RECORD_DAMAGED
 */
export function decodeEvent(payload: Uint8Array): PodEvent {
  const found: unknown = parseJson(payload);
  const { type, v } = (found ?? {}) as { type?: unknown; v?: unknown };
  if (!isKnown(type) || VERSIONS[type] !== v) {
    const shown = typeof type === 'string' ? type : typeof type;
    throw new DeskPodError('EVENT_UNKNOWN', `event ${shown} version ${JSON.stringify(v)} is not known here`, {
      hint: 'Use the version of deskpod that last wrote this pod, or a newer one.',
      details: { type, v },
    });
  }
  const event = found as PodEvent;
  const wrong = wrongEventField(type, event);
  if (wrong !== undefined) {
    throw new DeskPodError('RECORD_DAMAGED', `event ${type}: its ${wrong} is none that a ${type} can have`, {
      hint: 'Its record is authentic: the program that wrote it is at fault. Please report it.',
      details: { type, field: wrong },
    });
  }
  return event;
}

function isKnown(type: unknown): type is PodEvent['type'] {
  return typeof type === 'string' && Object.hasOwn(VERSIONS, type);
}

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload));
  } catch (cause) {
    throw new DeskPodError('RECORD_DAMAGED', 'the payload of a log record is not JSON', { cause });
  }
}
