// Reads the tables of docs/FORMAT.md, and decodes bytes by what they say and by nothing else.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const DOCUMENT = new URL('../../../docs/FORMAT.md', import.meta.url);

/** A decoded structure: numbers, bytes and lists of structures by field name. */
export interface Fields {
  readonly [name: string]: FieldValue;
}

type FieldValue = bigint | string | readonly Fields[];

/** The document's tables. */
export class FormatDocument {
  readonly #lines: readonly string[];

  constructor(text = readFileSync(DOCUMENT, 'utf8')) {
    this.#lines = text.split('\n');
  }

  /** The names of all tables of one sort, such as `layout`. */
  names(sort: string): string[] {
    return this.#lines.flatMap((line) => {
      const name = /^<!-- (\w+): (.*) -->$/.exec(line);
      return name?.[1] === sort ? [name[2] ?? ''] : [];
    });
  }

  /** The cells of the table under the comment `<!-- title -->`, without its head. */
  rows(title: string): string[][] {
    const start = this.#lines.indexOf(`<!-- ${title} -->`);
    assert.notEqual(start, -1, `expected a table "${title}"`);
    const rows: string[][] = [];
    for (const line of this.#lines.slice(start + 3)) {
      if (!line.startsWith('|')) break;
      rows.push(
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    }
    return rows;
  }

  /** A table of numbers and what they stand for. */
  numbers(name: string): Map<bigint, string> {
    return new Map(this.rows(`numbers: ${name}`).map(([number = '', kind = '']) => [BigInt(number), kind]));
  }

  /** Decodes all of `bytes` as the structure `name`. Byte runs come as hexadecimal. */
  decode(name: string, bytes: Uint8Array): Fields {
    const cursor = new Cursor(bytes);
    const fields = this.#structure(name, cursor);
    assert.equal(cursor.remaining, 0, `${name}: expected its end, got ${cursor.remaining} bytes more`);
    return fields;
  }

  #structure(name: string, cursor: Cursor): Fields {
    const fields: Record<string, FieldValue> = {};
    for (const [field = '', cell = ''] of this.rows(`layout: ${name}`)) {
      const type = /^`(.*)`$/.exec(cell)?.[1] ?? cell;
      fields[field] = this.#field(type, fields, cursor, `${name}.${field}`);
    }
    return fields;
  }

  #field(type: string, before: Fields, cursor: Cursor, where: string): FieldValue {
    const [, magic] = /^"(\w+)"$/.exec(type) ?? [];
    if (magic !== undefined) return expectSame(cursor.text(magic.length), magic, where);
    const [, integer, constant] = /^([ui]\d+)(?: = (\d+))?$/.exec(type) ?? [];
    if (integer !== undefined) {
      const value = cursor.integer(integer);
      return constant === undefined ? value : expectSame(value, BigInt(constant), where);
    }
    if (type === 'varint') return cursor.varint();
    if (type === 'prefixed') return cursor.hex(Number(cursor.varint()));
    if (type === 'rest') return cursor.hex(cursor.remaining);
    const [, length] = /^(\w+) bytes$/.exec(type) ?? [];
    if (length !== undefined)
      return cursor.hex(/^\d+$/.test(length) ? Number(length) : numberOf(before, length));
    const [, element, count] = /^(.+) × (\w+)$/.exec(type) ?? [];
    if (element === undefined || count === undefined)
      return assert.fail(`${where}: type ${type} is not explained`);
    return Array.from({ length: numberOf(before, count) }, () => this.#structure(element, cursor));
  }
}

/** A field that must be there and be a number. */
export function numberOf(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === 'bigint' ? Number(value) : assert.fail(`expected a number ${name}`);
}

/** A field that must be there and be bytes. */
export function bytesIn(fields: Fields, name: string): Uint8Array {
  const value = fields[name];
  return typeof value === 'string'
    ? new Uint8Array(Buffer.from(value, 'hex'))
    : assert.fail(`expected bytes ${name}`);
}

function expectSame<T>(got: T, expected: T, where: string): T {
  assert.equal(got, expected, where);
  return got;
}

/** Reads bytes from the front; independent of the code that the document describes. */
class Cursor {
  #rest: Buffer;

  constructor(bytes: Uint8Array) {
    this.#rest = Buffer.from(bytes);
  }

  get remaining(): number {
    return this.#rest.length;
  }

  hex(length: number): string {
    return this.#take(length).toString('hex');
  }

  text(length: number): string {
    return this.#take(length).toString('latin1');
  }

  integer(type: string): bigint {
    const bits = Number(type.slice(1));
    const value = BigInt(
      `0x${this.#take(bits / 8)
        .reverse()
        .toString('hex')}`,
    );
    return type.startsWith('i') ? BigInt.asIntN(bits, value) : value;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(this.#take(1)[0] ?? 0);
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return value;
    }
  }

  #take(length: number): Buffer {
    assert.ok(length <= this.#rest.length, `expected ${length} bytes more, got ${this.#rest.length}`);
    const taken = Buffer.from(this.#rest.subarray(0, length));
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}
