// Samples of events, for tests of whatever has to know all of them.
import type { PodEvent } from '../../../src/core/events.ts';

const HASH = '0123456789abcdef'.repeat(4);
const ID = '0123456789abcdef'.repeat(2);

type Complete<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };

/** One event of each type with all its fields: another type, or another field, does not compile without its place here. */
export const EVENTS: { readonly [T in PodEvent['type']]: Complete<Extract<PodEvent, { type: T }>> } = {
  'pod.created': {
    type: 'pod.created',
    v: 1,
    podId: ID,
    deviceId: ID,
    epoch: 1,
    kind: 'tree',
    name: '',
    keyring: HASH,
    vault: 'none',
  },
  'keyring.changed': { type: 'keyring.changed', v: 1, keyring: HASH, generation: 2 },
  'base.added': { type: 'base.added', v: 1, name: '', sha256: HASH, sizeBytes: 1 },
  'session.started': { type: 'session.started', v: 1, base: HASH, host: { kernel: '', machine: '' } },
  'session.resumed': {
    type: 'session.resumed',
    v: 1,
    checkpoint: 1,
    host: { kernel: '', machine: '' },
    resumeMs: 1,
  },
  'session.suspended': { type: 'session.suspended', v: 1, checkpoint: 1 },
  'session.stopped': { type: 'session.stopped', v: 1 },
  'session.lost': { type: 'session.lost', v: 1, cause: '' },
  'packages.installed': { type: 'packages.installed', v: 1, packages: [] },
  'checkpoint.sealed': {
    type: 'checkpoint.sealed',
    v: 1,
    number: 1,
    reason: 'files',
    files: { id: HASH, depth: 0, sizeBytes: 0 },
    images: { id: HASH, depth: 0, sizeBytes: 0 },
    base: HASH,
    packs: [],
    stats: { fileCount: 0, fileBytes: 0, imageBytes: 0, storedBytes: 0, pauseMs: 0 },
  },
  'home.added': { type: 'home.added', v: 1, url: '' },
  'home.removed': { type: 'home.removed', v: 1, url: '' },
  'home.acknowledged': { type: 'home.acknowledged', v: 1, url: '', seq: 1, recordHash: HASH, sentBytes: 0 },
  'restore.completed': {
    type: 'restore.completed',
    v: 1,
    url: '',
    epoch: 2,
    deviceId: ID,
    checkpoint: 1,
    vault: 'none',
  },
  'verify.completed': {
    type: 'verify.completed',
    v: 1,
    place: '',
    depth: 'data',
    isWhole: true,
    objectCount: 1,
    readBytes: 1,
    damaged: [],
    damagedCount: 0,
    healedCount: 0,
    durationMs: 1,
  },
  'object.healed': { type: 'object.healed', v: 1, kind: '', name: '', place: '', from: '' },
  'checkpoints.forgotten': { type: 'checkpoints.forgotten', v: 1, numbers: [], policy: '' },
  'packs.pruned': { type: 'packs.pruned', v: 1, added: [], removed: [] },
  'watch.gap': { type: 'watch.gap', v: 1, cause: '' },
  'checkpoint.doubted': {
    type: 'checkpoint.doubted',
    v: 1,
    number: 2,
    against: 1,
    causes: ['gone', 'noise'],
    formerCount: 1,
    goneCount: 1,
    noiseCount: 1,
    examples: [''],
  },
  'checkpoint.accepted': { type: 'checkpoint.accepted', v: 1, number: 2, against: 1 },
  'mounts.changed': { type: 'mounts.changed', v: 1, paths: [''] },
};
