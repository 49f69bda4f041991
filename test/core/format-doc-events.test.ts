// docs/FORMAT.md on the names of objects and on events, against the tables of the code.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { decodeEvent } from '../../src/core/event-codec.ts';
import type { PodEvent } from '../../src/core/events.ts';
import type { Root } from '../../src/core/root.ts';
import { OBJECT_KINDS, Repository } from '../../src/sync/repository/repository.ts';
import { scratchFolder } from '../sync/scratch.ts';
import { assertCode } from './parser-suite.ts';
import { FormatDocument } from './support/format-document.ts';
import { EVENTS } from './support/sample-events.ts';

const document = new FormatDocument();

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
  'restore.completed awaited': true,
  'home.leased leaseMs': true,
  'home.leased deviceId': true,
  'session.limited memoryBytes': true,
  'session.limited processCount': true,
  'session.limited processorCount': true,
  'reserve.set reserveBytes': true,
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
    const root: Root = { id: toHex(new Uint8Array(32).fill(0x33)), depth: 1, sizeBytes: 5 };
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
