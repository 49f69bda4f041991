// docs/FORMAT.md is true: real bytes are decoded by its tables, and its lists are compared with what the code knows.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { Chunker, FILE_CHUNKS, gearTable, IMAGE_CHUNKS } from '../../src/core/chunker.ts';
import { decodeEvent, type PodEvent } from '../../src/core/events.ts';
import { encodeHead } from '../../src/core/head.ts';
import { encodeInventory } from '../../src/core/inventory.ts';
import { encodeKeyring } from '../../src/core/keyring.ts';
import { ManifestEncoder, type ManifestEntry } from '../../src/core/manifest.ts';
import { encodeMarker } from '../../src/core/marker.ts';
import { CHUNK_MAX_BYTES, PackBuilder } from '../../src/core/pack.ts';
import { encodeRecord, NO_PREVIOUS } from '../../src/core/record.ts';
import type { Root } from '../../src/core/root.ts';
import { encodeSegment } from '../../src/core/segment.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { decodeSecrets, encodeSecrets } from '../../src/sync/keyring/pod-secrets.ts';
import { OBJECT_KINDS, Repository } from '../../src/sync/repository/repository.ts';
import { scratchFolder } from '../sync/scratch.ts';
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
    assert.deepEqual([...kinds.values()], ['passphrase', 'recovery']);
    const slots = (['passphrase', 'recovery'] as const).map((kind, index) => ({
      kind,
      label: `${'é'.repeat(100)}${index}`,
      createdAtMs: 1_700_000_000_000 + index,
      sealed: hashB.subarray(0, 5 + index),
    }));
    const bytes = encodeKeyring({ podId, generation: 9, slots }, sealing);
    decoded.add('slot');
    assert.deepEqual(decode('keyring', bytes), {
      magic: 'DPY1',
      version: 1n,
      podId: toHex(podId),
      generation: 9n,
      slotCount: 2n,
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

describe('docs/FORMAT.md, on chunks', () => {
  const values = new Map(document.rows('values: chunker').map(([name = '', value = '']) => [name, value]));
  const sizes = document.rows('values: chunk sizes').map(([, ...numbers]) => numbers.map(Number));
  const key = new Uint8Array(32).fill(6);

  it('gives the sizes of chunks', () => {
    const known = [FILE_CHUNKS, IMAGE_CHUNKS].map((known) => [
      known.minBytes,
      known.averageBytes,
      known.maxBytes,
    ]);
    assert.deepEqual(sizes, known);
  });

  it('gives the table and the cuts of the chunker', () => {
    const table = documentedTable(key, values.get('label')?.replaceAll('`', '') ?? '');
    assert.deepEqual(table, [...gearTable(hashing, key)]);
    const bytes = noise(6 * 1024 * 1024);
    for (const [minimum = 0, average = 0, maximum = 0] of sizes) {
      const chunker = new Chunker(gearTable(hashing, key), {
        minBytes: minimum,
        averageBytes: average,
        maxBytes: maximum,
      });
      const expected = chunker.push(bytes);
      assert.ok(expected.length > 3);
      assert.deepEqual(documentedCuts(bytes, table, values, [minimum, average, maximum]), expected);
    }
  });
});

/** The chunker as the document tells it, without regard to speed. */
function documentedCuts(
  bytes: Uint8Array,
  table: readonly number[],
  values: ReadonlyMap<string, string>,
  [minimum = 0, average = 0, maximum = 0]: readonly number[],
): number[] {
  const averageBits = Math.log2(average);
  const before = averageBits + Number(values.get('bits more before the average'));
  const after = averageBits - Number(values.get('bits fewer after the average'));
  const cuts: number[] = [];
  let start = 0;
  let hash = 0;
  for (let at = 0; at < bytes.length; at++) {
    const length = at - start + 1;
    if (length <= minimum - Number(values.get('window in bytes'))) continue;
    hash = (hash * 2 + (table[bytes[at] ?? 0] ?? 0)) >>> 0;
    const bits = length <= average ? before : after;
    const isCut = length > minimum && hash >>> (32 - bits) === 0;
    if (!isCut && length < maximum) continue;
    cuts.push(at + 1);
    start = at + 1;
    hash = 0;
  }
  return cuts;
}

function documentedTable(key: Uint8Array, label: string): number[] {
  return Array.from({ length: 32 }, (_, block) => {
    const hmac = createHmac('sha256', key).update(label).update(Uint8Array.of(block)).digest();
    return Array.from({ length: 8 }, (_, index) => hmac.readInt32LE(index * 4));
  }).flat();
}

/** The same bytes at every run. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = 1; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

describe('docs/FORMAT.md, on object names', () => {
  const folder = scratchFolder();

  it('says where each kind of object lies', async () => {
    const repository = await Repository.create(folder());
    const bytes = utf8('an object');
    const hash = createHash('sha256').update(bytes).digest('hex');
    const rows = document.rows('values: object names');
    assert.deepEqual(
      rows.map(([kind]) => kind),
      ['packs', 'segments', 'keyrings', 'bases', 'inventories', 'catalog', 'branches'],
    );
    for (const kind of OBJECT_KINDS) {
      const options = ['segments', 'inventories', 'branches'].includes(kind) ? { firstSeq: 77 } : {};
      const { name } = await repository.putObject(kind, bytes, options);
      const place = repository.objectPath(kind, name).slice(folder().length + 1);
      const documented = rows
        .find(([row]) => row === kind)?.[1]
        ?.replaceAll('`', '')
        .replace('XX', hash.slice(0, 2))
        .replace('HASH', hash)
        .replace('FIRSTSEQ', '000000000077');
      assert.equal(place, documented);
    }
  });
});

/** Compiles only while this is the whole list of fields that may be absent. */
type Optional = {
  [T in PodEvent['type']]: OptionalOf<T> extends never ? never : `${T} ${OptionalOf<T>}`;
}[PodEvent['type']];
type OptionalOf<T extends PodEvent['type']> = Extract<
  { [K in keyof EventOf<T>]-?: undefined extends EventOf<T>[K] ? K : never }[keyof EventOf<T>],
  string
>;
type EventOf<T extends PodEvent['type']> = Extract<PodEvent, { type: T }>;
const OPTIONAL: { readonly [K in Optional]: true } = {
  'checkpoint.sealed images': true,
  'checkpoint.sealed base': true,
  'checkpoint.doubted number': true,
};

describe('docs/FORMAT.md, on events', () => {
  const rows = document.rows('events');

  it('lists every type with all its fields', () => {
    let event = '';
    const documented: string[] = [];
    for (const [type = '', v = '', field = '', fieldType = ''] of rows) {
      if (type !== '') event = `${type} ${v}`;
      documented.push(`${event} ${field} ${fieldType}`.trim());
    }
    const known = Object.values(EVENTS).flatMap((sample) => {
      const fields = fieldsOf(sample).map((field) => `${sample.type} ${sample.v} ${field}`);
      return fields.length === 0 ? [`${sample.type} ${sample.v}`] : fields;
    });
    assert.deepEqual(documented, known);
  });

  it('gives the version that a reader takes, and no other', () => {
    for (const [type = '', v = ''] of rows) {
      if (type === '') continue;
      const sample = EVENTS[type as PodEvent['type']];
      assert.equal(decodeEvent(utf8(JSON.stringify({ ...sample, v: Number(v) }))).type, type);
      assertCode(() => decodeEvent(utf8(JSON.stringify({ ...sample, v: Number(v) + 1 }))), 'EVENT_UNKNOWN');
    }
  });

  it('describes a root', () => {
    const root: Root = { id: toHex(hashA), depth: 1, sizeBytes: 5 };
    assert.deepEqual(
      document.rows('json: root').map(([field]) => field),
      Object.keys(root),
    );
    assert.equal(fromHex(root.id).length, Number.parseInt(document.rows('json: root')[0]?.[1] ?? '', 10));
  });
});

/** The fields of an event besides type and version, with their JSON types; those of nested objects by `outer.inner`. */
function fieldsOf(event: PodEvent): string[] {
  return Object.entries(event).flatMap(([name, value]: [string, unknown]) => {
    if (name === 'type' || name === 'v') return [];
    const shown = Object.hasOwn(OPTIONAL, `${event.type} ${name}`) ? `${name}?` : name;
    if (Array.isArray(value)) return [`${shown} array`];
    if (typeof value !== 'object' || value === null) return [`${shown} ${typeof value}`];
    if ('depth' in value) return [`${shown} root`];
    return Object.entries(value).map(([inner, of]: [string, unknown]) => `${shown}.${inner} ${typeof of}`);
  });
}
