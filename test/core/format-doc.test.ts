// docs/FORMAT.md is true: real bytes are decoded by its tables.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { encodeHead } from '../../src/core/head.ts';
import { decodeHomeNote, encodeHomeNote } from '../../src/core/home-note.ts';
import { encodeInventory } from '../../src/core/inventory.ts';
import { encodeKeyring } from '../../src/core/keyring.ts';
import { ManifestEncoder, type ManifestEntry } from '../../src/core/manifest.ts';
import { encodeMarker } from '../../src/core/marker.ts';
import { CHUNK_MAX_BYTES, PackBuilder } from '../../src/core/pack.ts';
import { encodePasskeySlot } from '../../src/core/passkey-slot.ts';
import { encodeRecord, NO_PREVIOUS } from '../../src/core/record.ts';
import { encodeSegment } from '../../src/core/segment.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { decodeGrant, encodeGrant } from '../../src/sync/keyring/home-grant.ts';
import { decodeSecrets, encodeSecrets } from '../../src/sync/keyring/pod-secrets.ts';
import { assertCode, sealing } from './parser-suite.ts';
import { bytesIn, FormatDocument, numberOf } from './support/format-document.ts';
import { EVENTS } from './support/sample-events.ts';

const document = new FormatDocument();
const podId = new Uint8Array(16).fill(0x11);
const deviceId = new Uint8Array(16).fill(0x22);
const hashA = new Uint8Array(32).fill(0x33);
const hashB = new Uint8Array(32).fill(0x44);
const identity = { podId, epoch: 0x01020304, deviceId };
const decoded = new Set<string>();

/** Decodes by the document, and notes that this table was put to the test. */
function decode(name: string, bytes: Uint8Array) {
  decoded.add(name);
  return document.decode(name, bytes);
}

/** What ends a structure: the MAC of everything before it. */
function macOf(bytes: Uint8Array): string {
  return createHmac('sha256', sealing.logKey).update(bytes.subarray(0, -32)).digest('hex');
}

function exampleRecord(seq: number, remaining: number, previous: Uint8Array) {
  const body = { seq, atMs: 1_700_000_000_123, previous, remaining, payload: utf8('{"type":"x"}') };
  const { bytes, bodyHash } = encodeRecord(body, sealing);
  return { kind: 'record' as const, ...body, bytes, bodyHash };
}

describe('docs/FORMAT.md', () => {
  it('describes a marker', () => {
    for (const [number, name] of document.numbers('pod kind')) {
      const kind = name.replace(/^twin of a /, '');
      assert.ok(kind === 'desktop' || kind === 'tree');
      const marker = {
        ...identity,
        kind,
        isTwin: kind !== name,
        placeId: hashA.subarray(0, 16),
      } as const;
      const bytes = encodeMarker(marker, sealing);
      assert.deepEqual(decode('marker', bytes), {
        magic: 'DPD1',
        version: 1n,
        podId: toHex(podId),
        deviceId: toHex(deviceId),
        epoch: 0x01020304n,
        kind: number,
        placeId: toHex(hashA.subarray(0, 16)),
        mac: macOf(bytes),
      });
    }
    assert.equal(document.numbers('pod kind').size, 4);
  });

  it('describes a head', () => {
    const bytes = encodeHead({ ...identity, seq: 2 ** 40 + 7, recordHash: hashA, keyring: hashB }, sealing);
    assert.deepEqual(decode('head', bytes), {
      magic: 'DPH1',
      version: 1n,
      podId: toHex(podId),
      epoch: 0x01020304n,
      deviceId: toHex(deviceId),
      seq: 2n ** 40n + 7n,
      recordHash: toHex(hashA),
      keyring: toHex(hashB),
      mac: macOf(bytes),
    });
  });

  it('describes a keyring with its slots', () => {
    const kinds = document.numbers('slot kind');
    assert.deepEqual([...kinds.values()], ['passphrase', 'recovery', 'passkey', 'home']);
    const slots = (['passphrase', 'recovery', 'passkey', 'home'] as const).map((kind, index) => ({
      kind,
      label: `${'é'.repeat(100)}${index}`,
      createdAtMs: 1_700_000_000_000 + index,
      sealed: hashB.subarray(0, 5 + index),
    }));
    const bytes = encodeKeyring({ podId, generation: 9, slots }, sealing);
    decoded.add('slot');
    assert.deepEqual(decode('keyring', bytes), {
      magic: 'DPY1',
      version: 3n,
      podId: toHex(podId),
      generation: 9n,
      slotCount: 4n,
      slots: slots.map(({ kind, label, createdAtMs, sealed }) => ({
        kind: [...kinds].find(([, name]) => name === kind)?.[0],
        label: toHex(utf8(label)),
        createdAtMs: BigInt(createdAtMs),
        sealedLength: BigInt(sealed.length),
        sealed: toHex(sealed),
      })),
      mac: macOf(bytes),
    });
  });

  it('describes the slot of a passkey', () => {
    const bytes = encodePasskeySlot({
      credentialId: hashA,
      rpId: 'localhost',
      transports: ['internal', 'hybrid'],
      file: hashB,
    });
    assert.deepEqual(decode('passkey slot', bytes), {
      credentialId: toHex(hashA),
      rpId: toHex(utf8('localhost')),
      transports: toHex(utf8('internal hybrid')),
      file: toHex(hashB),
    });
  });

  it('describes the secrets', () => {
    const secrets = {
      podId,
      identity: 'AGE-SECRET-KEY-1EXAMPLE',
      logKey: hashA,
      chunkIdKey: hashB,
      chunkerKey: hashA,
      volumeKey: new Uint8Array(64).fill(5),
    };
    const json = JSON.parse(Buffer.from(encodeSecrets(secrets)).toString()) as Record<string, unknown>;
    const rows = document.rows('json: secrets');
    assert.deepEqual(
      rows.map(([field]) => field),
      Object.keys(json),
    );
    for (const [field = '', type = ''] of rows) {
      const [, length, encoding] = /^(\d+) bytes, (\w+)$/.exec(type) ?? [];
      if (encoding === undefined) continue;
      const bytes = Buffer.from(String(json[field]), encoding === 'base64' ? 'base64' : 'hex');
      assert.equal(bytes.length, Number(length), field);
      assert.equal(bytes.toString(encoding === 'base64' ? 'base64' : 'hex'), json[field], field);
    }
    assertCode(() => decodeSecrets(utf8(JSON.stringify({ ...json, v: 2 }))), 'FORMAT_UNKNOWN');
  });

  it('describes the grant of a home, with and without all secrets', () => {
    const secrets = {
      ...{ podId, identity: 'AGE-SECRET-KEY-1EXAMPLE', logKey: hashA, chunkIdKey: hashB, chunkerKey: hashA },
      volumeKey: new Uint8Array(64).fill(5),
    };
    const rows = document.rows('json: grant').map(([field]) => field);
    const grant = { podId, url: '/home', logKey: hashA };
    for (const [held, fields] of [
      [undefined, rows.filter((field) => field?.endsWith('?') === false)],
      [secrets, rows.map((field) => field?.replace('?', ''))],
    ] as const) {
      const bytes = encodeGrant({ ...grant, secrets: held });
      assert.deepEqual(Object.keys(JSON.parse(Buffer.from(bytes).toString()) as object), fields);
      assert.deepEqual(decodeGrant(bytes), { ...grant, secrets: held });
    }
    assertCode(() => decodeGrant(utf8('{"v":2}')), 'FORMAT_UNKNOWN');
    assertCode(() => decodeGrant(utf8('{"v":1}')), 'KEYRING_DAMAGED');
  });

  it('describes the note of a home', () => {
    const events = [EVENTS['home.docked'], EVENTS['restore.proven']];
    const bytes = encodeHomeNote(podId, events, sealing);
    decoded.add('event');
    assert.deepEqual(decode('note', bytes), {
      magic: 'DPN1',
      version: 1n,
      podId: toHex(podId),
      eventCount: 2n,
      events: events.map((event) => ({ payload: toHex(utf8(JSON.stringify(event))) })),
      mac: macOf(bytes),
    });
    assert.deepEqual(decodeHomeNote(bytes, podId, sealing), events);
  });

  it('describes a record and its body', () => {
    const { bytes, bodyHash, payload } = exampleRecord(2 ** 33, 513, hashA);
    const record = decode('record', bytes);
    const body = bytesIn(record, 'body');
    assert.equal(numberOf(record, 'bodyLengthComplement'), ~numberOf(record, 'bodyLength') >>> 0);
    assert.equal(record.mac, createHmac('sha256', sealing.logKey).update(body).digest('hex'));
    assert.equal(toHex(bodyHash), createHash('sha256').update(body).digest('hex'));
    assert.deepEqual(decode('record body', body), {
      version: 1n,
      seq: 2n ** 33n,
      atMs: 1_700_000_000_123n,
      previous: toHex(hashA),
      remaining: 513n,
      payload: toHex(payload),
    });
  });

  it('describes a segment', () => {
    const first = exampleRecord(1, 1, NO_PREVIOUS);
    const second = exampleRecord(2, 0, first.bodyHash);
    assert.deepEqual(decode('segment', encodeSegment(identity, [first, second])), {
      magic: 'DPS1',
      version: 1n,
      podId: toHex(podId),
      epoch: 0x01020304n,
      deviceId: toHex(deviceId),
      firstSeq: 1n,
      recordCount: 2n,
      records: [decode('record', first.bytes), decode('record', second.bytes)],
    });
  });

  it('describes a pack, read from its end', () => {
    const codecs = [...document.numbers('codec').values()];
    assert.deepEqual(codecs, ['raw', 'zstd']);
    const builder = new PackBuilder();
    builder.add(hashA, utf8('hello'), 5, 'raw');
    builder.add(hashB, utf8('zstd'), 1000, 'zstd');
    const pack = builder.finish();
    const headerBytes = 5;
    decode('pack header', pack.subarray(0, headerBytes));
    const footer = decode('pack footer', pack.subarray(-8));
    const indexStart = pack.length - 8 - numberOf(footer, 'indexLength');
    decoded.add('pack entry');
    assert.deepEqual(decode('pack index', pack.subarray(indexStart, -8)), {
      count: 2n,
      entries: [
        { id: toHex(hashA), offset: 5n, storedLength: 5n, plainLength: 5n, codec: 0n },
        { id: toHex(hashB), offset: 10n, storedLength: 4n, plainLength: 1000n, codec: 1n },
      ],
    });
    const stored = Buffer.from(pack.subarray(headerBytes, indexStart)).toString();
    assert.equal(stored, 'hellozstd');
    const limit = document.rows('layout: pack entry').find(([field]) => field === 'plainLength')?.[2];
    assert.equal(limit, `at most ${CHUNK_MAX_BYTES}`);
  });

  it('describes an inventory with its pages', () => {
    const head = encodeHead({ ...identity, seq: 9, recordHash: hashA, keyring: hashB }, sealing);
    const kinds = document.numbers('inventory kind');
    assert.deepEqual([...kinds.values()], ['packs', 'bases']);
    const names = { packs: toHex(hashA), bases: toHex(hashB) };
    const entries = (['packs', 'bases'] as const).map((kind) => ({ kind, name: names[kind] }));
    const { bytes, pages } = encodeInventory(head, entries, hashing);
    decoded.add('page name').add('inventory entry');
    assert.deepEqual(decode('inventory', bytes), {
      magic: 'DPI1',
      version: 1n,
      head: toHex(head),
      pageCount: 1n,
      pages: pages.map(({ name }) => ({ hash: name })),
    });
    assert.deepEqual(decode('inventory page', pages[0]?.bytes ?? new Uint8Array(0)), {
      magic: 'DPG1',
      version: 1n,
      entryCount: 2n,
      entries: [
        { kind: 1n, hash: names.packs },
        { kind: 2n, hash: names.bases },
      ],
    });
  });

  it('describes a manifest with every kind of entry', () => {
    const kinds = document.numbers('entry kind');
    const encoder = new ManifestEncoder();
    decode('manifest header', encoder.start());
    const framed: [bigint, string][] = [];
    for (const [number, kind] of kinds) {
      const entry = exampleEntry(kind as ManifestEntry['kind'], Number(number));
      const frame = decode('manifest frame', encoder.entry(entry));
      const got = decode('manifest entry', bytesIn(frame, 'entry'));
      assert.deepEqual(got, expectedEntry(entry, number));
      framed.push([number, kind]);
    }
    decoded.add('xattr').add('chunk id');
    assert.equal(framed.length, 7);
    assert.deepEqual(decode('manifest end', encoder.end()), { entryLength: 0n, entryCount: 7n });
  });

  it('leaves no layout untested', () => {
    assert.deepEqual(document.names('layout').sort(), [...decoded].sort());
  });
});

function exampleEntry(kind: ManifestEntry['kind'], number: number): ManifestEntry {
  const isFile = kind === 'file';
  const isDevice = kind.endsWith('-device');
  return {
    path: Uint8Array.of(0x61 + number, 0xff),
    kind,
    mode: 0o4711,
    uid: 1_879_048_192,
    gid: 7,
    mtimeNs: -1_700_000_000_123_456_789n,
    sizeBytes: isFile ? 2 ** 41 + 1 : 0,
    rdevMajor: isDevice ? 8 : 0,
    rdevMinor: isDevice ? 70_000 : 0,
    target: kind === 'symlink' ? utf8('x'.repeat(200)) : new Uint8Array(0),
    hardlinkGroup: isFile ? 1 : 0,
    isSparse: isFile,
    xattrs: [{ name: utf8('user.a'), value: new Uint8Array(300).fill(9) }],
    chunkIds: isFile ? [hashA, hashB] : [],
  };
}

function expectedEntry(entry: ManifestEntry, kind: bigint) {
  return {
    kind,
    path: toHex(entry.path),
    mode: BigInt(entry.mode),
    uid: BigInt(entry.uid),
    gid: BigInt(entry.gid),
    mtimeNs: entry.mtimeNs,
    sizeBytes: BigInt(entry.sizeBytes),
    rdevMajor: BigInt(entry.rdevMajor),
    rdevMinor: BigInt(entry.rdevMinor),
    target: toHex(entry.target),
    hardlinkGroup: BigInt(entry.hardlinkGroup),
    flags: entry.isSparse ? 1n : 0n,
    xattrCount: BigInt(entry.xattrs.length),
    xattrs: entry.xattrs.map(({ name, value }) => ({ name: toHex(name), value: toHex(value) })),
    chunkCount: BigInt(entry.chunkIds.length),
    chunks: entry.chunkIds.map((id) => ({ id: toHex(id) })),
  };
}
