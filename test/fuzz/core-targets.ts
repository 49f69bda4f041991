// The parsers of every byte at rest. What they accept, they must write again as the same bytes.
import assert from 'node:assert/strict';
import { ByteWriter, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { isDeskPodError } from '../../src/core/errors.ts';
import { decodeEvent } from '../../src/core/event-codec.ts';
import { decodeHead, encodeHead, peekHead } from '../../src/core/head.ts';
import { decodeHomeNote, encodeHomeNote } from '../../src/core/home-note.ts';
import { decodeInventory, decodeInventoryPage, encodeInventory } from '../../src/core/inventory.ts';
import { decodeKeyring, encodeKeyring, peekKeyring } from '../../src/core/keyring.ts';
import { ManifestDecoder, ManifestEncoder, type ManifestEntry } from '../../src/core/manifest.ts';
import { decodeMarker, encodeMarker, peekMarker } from '../../src/core/marker.ts';
import { decodePack, PackBuilder } from '../../src/core/pack.ts';
import { decodePasskeySlot, encodePasskeySlot } from '../../src/core/passkey-slot.ts';
import { decodeRecord, encodeRecord, NO_PREVIOUS } from '../../src/core/record.ts';
import { decodeSegment, encodeSegment } from '../../src/core/segment.ts';
import { evolve, INITIAL_STATE } from '../../src/core/state.ts';
import { sealing } from '../core/parser-suite.ts';
import { EVENTS } from '../core/support/sample-events.ts';
import type { FuzzTarget } from './fuzzing.ts';
import { hostileJson } from './hostile-json.ts';
import { chained, framedRecord, signed } from './mending.ts';
import { mutate } from './mutation.ts';
import type { Random } from './random.ts';

const podId = new Uint8Array(16).fill(0x11);
const deviceId = new Uint8Array(16).fill(0x22);
const hashA = new Uint8Array(32).fill(0x33);
const hashB = new Uint8Array(32).fill(0x44);
const identity = { podId, epoch: 3, deviceId };
const NO_BYTES = new Uint8Array(0);

export const CORE_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'head',
    seeds: () => [encodeHead({ ...identity, seq: 2 ** 40, recordHash: hashA, keyring: hashB }, sealing)],
    mend: signed,
    parse: (bytes) => {
      peekOf(peekHead, bytes);
      assertSame(encodeHead(decodeHead(bytes, sealing), sealing), bytes);
    },
  },
  {
    name: 'keyring',
    seeds: () => {
      const slot = { label: 'läbel', createdAtMs: 1_700_000_000_000, sealed: utf8('age-encryption.org/v1') };
      const slots = [
        { kind: 'passphrase' as const, ...slot },
        { kind: 'recovery' as const, ...slot },
      ];
      const passkey = {
        credentialId: Uint8Array.of(1, 2),
        rpId: 'localhost',
        transports: ['usb', 'nfc'],
        file: slot.sealed,
      };
      const withPasskey = [
        ...slots,
        { kind: 'passkey' as const, ...slot, sealed: encodePasskeySlot(passkey) },
      ];
      const withHome = [...slots, { kind: 'home' as const, ...slot }];
      return [slots, withPasskey, withHome, []].map((slots) =>
        encodeKeyring({ podId, generation: 7, slots }, sealing),
      );
    },
    mend: signed,
    parse: (bytes) => {
      peekOf(peekKeyring, bytes);
      const keyring = decodeKeyring(bytes, sealing);
      assertSame(encodeKeyring(keyring, sealing), bytes);
      for (const { kind, sealed } of keyring.slots)
        if (kind === 'passkey') assertSame(encodePasskeySlot(decodePasskeySlot(sealed)), sealed);
    },
  },
  {
    name: 'note',
    seeds: () =>
      [[], [EVENTS['home.docked'], EVENTS['restore.proven']]].map((events) =>
        encodeHomeNote(podId, events, sealing),
      ),
    mend: signed,
    parse: (bytes) => {
      const events = decodeHomeNote(bytes, podId, sealing);
      assert.deepEqual(decodeHomeNote(encodeHomeNote(podId, events, sealing), podId, sealing), events);
    },
  },
  {
    name: 'marker',
    seeds: () =>
      (['desktop', 'tree'] as const).flatMap((kind) =>
        [false, true].map((isTwin) =>
          encodeMarker({ ...identity, kind, isTwin, placeId: deviceId }, sealing),
        ),
      ),
    mend: signed,
    parse: (bytes) => {
      peekOf(peekMarker, bytes);
      assertSame(encodeMarker(decodeMarker(bytes, sealing), sealing), bytes);
    },
  },
  {
    name: 'record',
    seeds: () => [records()[0]?.bytes ?? NO_BYTES, new Uint8Array(1024)],
    mend: (bytes) => framedRecord(bytes),
    parse: (bytes, random) => {
      const fileOffset = random.below(1024);
      const record = decodeRecord(bytes, 0, sealing, undefined, fileOffset);
      if (record.kind === 'torn') return;
      assertSame(encodeRecord(record, sealing).bytes, bytes.subarray(0, record.bytes.length));
    },
  },
  {
    name: 'segment',
    seeds: () => [encodeSegment(identity, records()), encodeSegment(identity, records().slice(1))],
    mend: chained,
    parse: (bytes) => {
      const segment = decodeSegment(bytes, sealing);
      assertSame(encodeSegment(segment, segment.records), bytes);
    },
  },
  {
    name: 'pack',
    seeds: () => [[], [5], [5, 0, 1000]].map(pack),
    parse: (bytes) => {
      const builder = new PackBuilder();
      for (const { id, offset, storedLength, plainLength, codec } of decodePack(bytes))
        builder.add(id, bytes.subarray(offset, offset + storedLength), plainLength, codec);
      assertSame(builder.finish(), bytes);
    },
  },
  {
    name: 'manifest',
    seeds: () => [manifest(), manifest().subarray(0, 5)],
    vary: hostileManifest,
    parse: parseManifest,
  },
  {
    name: 'inventory',
    seeds: () => [inventory().bytes],
    parse: (bytes) => {
      const { headBytes, pages } = decodeInventory(bytes);
      const again = new ByteWriter().text('DPI1').u8(1).prefixed(headBytes).u32(pages.length);
      for (const name of pages) again.bytes(fromHex(name));
      assertSame(again.finish(), bytes);
    },
  },
  {
    name: 'inventory page',
    seeds: () => inventory().pages.map((page) => page.bytes),
    parse: (bytes) => {
      const entries = decodeInventoryPage(bytes);
      const again = new ByteWriter().text('DPG1').u8(1).u32(entries.length);
      for (const { kind, name } of entries) again.u8(kind === 'packs' ? 1 : 2).bytes(fromHex(name));
      assertSame(again.finish(), bytes);
    },
  },
  {
    name: 'event',
    seeds: () => Object.values(EVENTS).map((event) => utf8(JSON.stringify(event))),
    vary: (random) => hostileJson(Object.values(EVENTS), random),
    parse: (bytes) => {
      const event = decodeEvent(bytes);
      evolve(evolve(INITIAL_STATE, { seq: 1, atMs: 0, event: EVENTS['pod.created'] }), {
        seq: 2,
        atMs: 1,
        event,
      });
    },
  },
];

function inventory() {
  const head = encodeHead({ ...identity, seq: 9, recordHash: hashA, keyring: hashB }, sealing);
  const entries = [
    { kind: 'packs' as const, name: toHex(hashA) },
    { kind: 'packs' as const, name: toHex(hashB) },
    { kind: 'bases' as const, name: toHex(hashA) },
  ];
  return encodeInventory(head, entries, sealing.hashing);
}

function records() {
  const first = { seq: 1, atMs: 1_700_000_000_000, previous: NO_PREVIOUS, remaining: 1, payload: utf8('{}') };
  const encoded = encodeRecord(first, sealing);
  const second = { ...first, seq: 2, previous: encoded.bodyHash, remaining: 0, payload: utf8('{"a":1}') };
  return [
    { kind: 'record' as const, ...first, ...encoded },
    { kind: 'record' as const, ...second, ...encodeRecord(second, sealing) },
  ];
}

function pack(lengths: readonly number[]): Uint8Array {
  const builder = new PackBuilder();
  for (const length of lengths) {
    builder.add(hashA, new Uint8Array(length), length, 'raw');
    builder.add(hashB, new Uint8Array(length), 1000, 'zstd');
  }
  return builder.finish().slice();
}

/** Entries that are mutated each by itself, in frames whose lengths and count are right. */
function hostileManifest(random: Random): Uint8Array {
  const { start, entries } = manifestParts();
  const frames = entries.flatMap((frame) => {
    const entry = frame.subarray(4);
    const changed = random.below(4) === 0 ? mutate(entry, [entry], random) : entry;
    const length = Buffer.alloc(4);
    length.writeUInt32LE(changed.length);
    return [length, changed];
  });
  const end = Buffer.alloc(8);
  end.writeUInt32LE(entries.length, 4);
  return new Uint8Array(Buffer.concat([start, ...frames, end]));
}

function manifest(): Uint8Array {
  const { start, entries, end } = manifestParts();
  return new Uint8Array(Buffer.concat([start, ...entries, end]));
}

function manifestParts() {
  const encoder = new ManifestEncoder();
  const xattrs = [{ name: utf8('user.a'), value: utf8('value') }];
  const entries: readonly Partial<ManifestEntry>[] = [
    { path: NO_BYTES, kind: 'directory' },
    { path: utf8('a'), kind: 'directory', xattrs },
    { path: utf8('a/b'), sizeBytes: 9, chunkIds: [hashA, hashB], isSparse: true },
    { path: utf8('a/c'), sizeBytes: 9, chunkIds: [hashA], hardlinkGroup: 1 },
    { path: utf8('a/d'), sizeBytes: 9, hardlinkGroup: 1 },
    { path: utf8('e'), kind: 'symlink', target: utf8('a/b') },
    { path: utf8('f'), kind: 'fifo' },
    { path: utf8('g'), kind: 'socket' },
    { path: utf8('h'), kind: 'character-device', rdevMajor: 1, rdevMinor: 3 },
    { path: utf8('i\xff'), kind: 'block-device', rdevMajor: 8, rdevMinor: 70_000 },
  ];
  // the encoder gives views of one buffer
  const start = encoder.start().slice();
  const parts = entries.map((entry) => encoder.entry({ ...PLAIN, ...entry }).slice());
  return { start, entries: parts, end: encoder.end().slice() };
}

const PLAIN: ManifestEntry = {
  path: NO_BYTES,
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeNs: 1_700_000_000_123_456_789n,
  sizeBytes: 0,
  rdevMajor: 0,
  rdevMinor: 0,
  target: NO_BYTES,
  hardlinkGroup: 0,
  isSparse: false,
  xattrs: [],
  chunkIds: [],
};

/** However the bytes come in pieces, the entries are the same, and so is the refusal. */
function parseManifest(bytes: Uint8Array, random: Random): void {
  const whole = outcomeOf(() => decodeInPieces(bytes, () => Math.max(1, bytes.length)));
  const pieces = outcomeOf(() => decodeInPieces(bytes, () => 1 + random.below(100)));
  if ('error' in whole || 'error' in pieces) {
    assert.ok('error' in whole && 'error' in pieces, 'whole and in pieces, one is refused and one is not');
    throw whole.error;
  }
  const encoder = new ManifestEncoder();
  const again = [encoder.start().slice(), ...whole.entries.map((entry) => encoder.entry(entry).slice())];
  assertSame(Buffer.concat([...again, encoder.end().slice()]), bytes);
  assert.deepEqual(pieces.entries.length, whole.entries.length);
}

function decodeInPieces(bytes: Uint8Array, next: () => number): ManifestEntry[] {
  const decoder = new ManifestDecoder();
  const entries: ManifestEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = next();
    entries.push(...decoder.push(bytes.subarray(at, at + length)));
    at += length;
  }
  decoder.end();
  return entries;
}

function outcomeOf(act: () => ManifestEntry[]): { entries: ManifestEntry[] } | { error: unknown } {
  try {
    return { entries: act() };
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    return { error };
  }
}

/** What is believed of nothing yet must not break on it either. */
function peekOf(peek: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    peek(bytes);
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
  }
}

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.ok(Buffer.from(actual).equals(expected), 'what was accepted is written again as other bytes');
}
