// Where each checkpoint was made, which homes have it since when, and by which restores it came to this device.
import type { LoggedEvent, RestoreCompleted } from './events.ts';

/** A home that has a checkpoint. */
export interface HomeCopy {
  readonly url: string;
  /** The position that it acknowledged when it first had the checkpoint. */
  readonly seq: number;
  readonly atMs: number;
}

/** A rebuild of the pod on another device. */
export interface Arrival extends Omit<RestoreCompleted, 'type' | 'v'> {
  readonly seq: number;
  readonly atMs: number;
}

/** Where a checkpoint comes from and where it lies. */
export interface Provenance {
  readonly seq: number;
  readonly atMs: number;
  /** The device that it was sealed on, and its epoch. */
  readonly deviceId: string;
  readonly epoch: number;
  /** The homes of today that have it, in the order in which they got it. */
  readonly homes: readonly HomeCopy[];
  /** The restores since, oldest first: each brought it from a home to a new device. */
  readonly arrivals: readonly Arrival[];
}

interface Trace extends Provenance {
  readonly homes: HomeCopy[];
  readonly arrivals: Arrival[];
}

/** The provenance of every checkpoint that the log ever named, by its number. `events` is the whole log. */
export function traceCheckpoints(events: Iterable<LoggedEvent>): ReadonlyMap<number, Provenance> {
  const traces = new Map<number, Trace>();
  const inOrder: Trace[] = [];
  /** How many of `inOrder` each home is known to have. */
  const covered = new Map<string, number>();
  let device = { deviceId: '', epoch: 0 };
  for (const { seq, atMs, event } of events) {
    switch (event.type) {
      case 'pod.created':
        device = { deviceId: event.deviceId, epoch: event.epoch };
        break;
      case 'device.forked':
        device = { ...device, deviceId: event.deviceId };
        break;
      case 'device.promoted':
        device = { deviceId: event.deviceId, epoch: event.epoch };
        break;
      case 'restore.completed': {
        const { type: _type, v: _v, ...facts } = event;
        for (const { arrivals } of inOrder) arrivals.push({ ...facts, seq, atMs });
        device = { deviceId: event.deviceId, epoch: event.epoch };
        break;
      }
      case 'checkpoint.sealed': {
        const trace = { seq, atMs, ...device, homes: [], arrivals: [] };
        traces.set(event.number, trace);
        inOrder.push(trace);
        break;
      }
      case 'home.acknowledged': {
        let count = covered.get(event.url) ?? 0;
        for (let next = inOrder[count]; next !== undefined && next.seq <= event.seq; next = inOrder[++count])
          next.homes.push({ url: event.url, seq: event.seq, atMs });
        covered.set(event.url, count);
        break;
      }
      case 'home.removed':
        covered.delete(event.url);
        for (const { homes } of inOrder) {
          const at = homes.findIndex(({ url }) => url === event.url);
          if (at !== -1) homes.splice(at, 1);
        }
        break;
      default: // says nothing of where a checkpoint lies
    }
  }
  return traces;
}
