// What the fields of every event look like. A record's MAC proves who wrote it, not that it makes sense: what is folded
// has these shapes, or is refused.
import type { BarrierViolation } from './barrier-events.ts';
import type { DoubtCause } from './checkpoint-doubt.ts';
import type { CheckpointReason, DeviceForked, PodCreated, PodEvent, PodKind, VerifyDepth } from './events.ts';
import { OPERATIONS } from './kmod-interface.ts';
import type { ProcessorLevel } from './processor.ts';
import { isWhen } from './schedule.ts';

type Check = (value: unknown) => boolean;
type Fields<T> = { readonly [K in Exclude<keyof T, 'type' | 'v'>]-?: Check };
type Shapes = { readonly [T in PodEvent['type']]: Fields<Extract<PodEvent, { type: T }>> };

const ROOT_DEPTH_MAX = 8;

const text: Check = (value) => typeof value === 'string';
const flag: Check = (value) => typeof value === 'boolean';
/** A whole number from 0. */
const count: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
/** Milliseconds, perhaps with a fraction. */
const duration: Check = (value) => Number.isFinite(value);
/** More than nothing, perhaps with a fraction. */
const share: Check = (value) => Number.isFinite(value) && Number(value) > 0;
const hash: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const id: Check = (value) => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value);

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function maybe(check: Check): Check {
  return (value) => value === undefined || check(value);
}

/** One of the words of a union; one that is left out does not compile. */
function oneOf<T extends string>(words: Readonly<Record<T, true>>): Check {
  return (value) => typeof value === 'string' && Object.hasOwn(words, value);
}

function objectOf(fields: Readonly<Record<string, Check>>): Check {
  return (value) => typeof value === 'object' && value !== null && wrongField(value, fields) === undefined;
}

const host = objectOf({ kernel: text, machine: text });
const vault = oneOf<PodCreated['vault']>({ fscrypt: true, luks: true, none: true });
const kind = oneOf<PodKind>({ desktop: true, tree: true });
const root = objectOf({
  id: hash,
  depth: (value) => count(value) && Number(value) <= ROOT_DEPTH_MAX,
  sizeBytes: count,
});
const awaited = objectOf({ packCount: count, sizeBytes: count });
const reason = oneOf<CheckpointReason>({
  suspend: true,
  live: true,
  files: true,
  install: true,
  schedule: true,
  dock: true,
});

/** What a later module refuses is `unknown`. */
const operation: Check = (value) => value === 'unknown' || (OPERATIONS as readonly unknown[]).includes(value);

const SHAPES: Shapes = {
  'pod.created': { podId: id, deviceId: id, epoch: count, kind, name: text, keyring: hash, vault },
  'keyring.changed': { keyring: hash, generation: count },
  'base.added': { name: text, sha256: hash, sizeBytes: count },
  'session.started': { base: hash, host },
  'session.resumed': { checkpoint: count, host, resumeMs: duration },
  'session.suspended': { checkpoint: count },
  'session.stopped': {},
  'session.lost': { cause: text },
  'packages.installed': { packages: listOf(text) },
  'checkpoint.sealed': {
    number: count,
    reason,
    files: root,
    images: maybe(root),
    base: maybe(hash),
    packs: listOf(hash),
    stats: objectOf({
      fileCount: count,
      fileBytes: count,
      imageBytes: count,
      storedBytes: count,
      pauseMs: duration,
    }),
  },
  'home.added': { url: text },
  'home.removed': { url: text },
  'home.acknowledged': { url: text, seq: count, recordHash: hash, sentBytes: count },
  'home.reverted': { url: text, seq: count, acknowledgedSeq: count },
  'home.branched': { url: text, deviceId: id, forkSeq: count },
  'home.equipped': { url: text, deviceId: id, sha256: hash, entrySha256: hash, sizeBytes: count },
  'home.stripped': { url: text },
  'home.leased': { url: text, leaseMs: maybe(count), deviceId: maybe(id) },
  'home.docked': { url: text, seq: count, recordHash: hash, dockedAtMs: count, sentBytes: count },
  'device.moved': { place: text },
  'device.forked': { deviceId: id, cause: oneOf<DeviceForked['cause']>({ asked: true, found: true }) },
  'device.promoted': { deviceId: id, epoch: count, urls: listOf(text) },
  'restore.completed': {
    url: text,
    epoch: count,
    deviceId: id,
    checkpoint: count,
    vault,
    awaited: maybe(awaited),
  },
  'restore.proven': {
    url: text,
    checkpoint: count,
    provenAtMs: count,
    durationMs: duration,
    readBytes: count,
    hasSession: flag,
  },
  'verify.completed': {
    place: text,
    depth: oneOf<VerifyDepth>({ structure: true, data: true }),
    isWhole: flag,
    objectCount: count,
    readBytes: count,
    damaged: listOf(text),
    damagedCount: count,
    healedCount: count,
    durationMs: duration,
  },
  'object.healed': { kind: text, name: text, place: text, from: text },
  'checkpoints.forgotten': { numbers: listOf(count), policy: text },
  'packs.pruned': { added: listOf(hash), removed: listOf(hash) },
  'watch.gap': { cause: text },
  'checkpoint.doubted': {
    number: maybe(count),
    against: count,
    causes: listOf(
      oneOf<DoubtCause>({
        empty: true,
        gone: true,
        noise: true,
        hidden: true,
        unmounted: true,
        unreadable: true,
      }),
    ),
    formerCount: count,
    goneCount: count,
    noiseCount: count,
    examples: listOf(text),
  },
  'mounts.changed': { paths: listOf(text) },
  'runtime.put': { sha256: hash, entrySha256: hash, sizeBytes: count },
  'runtime.removed': {},
  'processor.used': { machine: text, features: listOf(text) },
  'processor.limited': { level: oneOf<ProcessorLevel>({ 'x86-64-v2': true, 'x86-64-v3': true }) },
  'session.limited': {
    memoryBytes: maybe(count),
    processCount: maybe(count),
    processorCount: maybe(share),
  },
  'checkpoint.accepted': { number: count, against: count },
  'schedule.set': { number: count, when: isWhen, isWhileInUse: flag, jitterMs: count },
  'schedule.removed': { number: count },
  'reserve.set': { reserveBytes: maybe(count) },
  'reserve.short': { freeBytes: count, reserveBytes: count },
  'reserve.kept': { freeBytes: count, reserveBytes: count },
  'barrier.violation': {
    direction: oneOf<BarrierViolation['direction']>({ in: true, out: true }),
    operation,
    count,
    lostCount: count,
    firstAtMs: count,
    lastAtMs: count,
    actor: text,
    actorPid: count,
    actorUid: count,
    target: text,
  },
  'barrier.gap': { count, firstAtMs: count, lastAtMs: count },
};

/** The first field of an event that does not look as that type's fields do; undefined if all do. */
export function wrongEventField(type: PodEvent['type'], event: object): string | undefined {
  return wrongField(event, SHAPES[type]);
}

function wrongField(value: object, fields: Readonly<Record<string, Check>>): string | undefined {
  for (const [name, check] of Object.entries(fields)) {
    if (!check(Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined))
      return name;
  }
  return undefined;
}
