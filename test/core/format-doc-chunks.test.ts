// docs/FORMAT.md on chunks: its sizes, table and cuts, computed from what it says and compared with the chunker.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Chunker, FILE_CHUNKS, gearTable, IMAGE_CHUNKS, STRETCH_BYTES } from '../../src/core/chunker.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { FormatDocument } from './support/format-document.ts';

const text = readFileSync(new URL('../../docs/FORMAT.md', import.meta.url), 'utf8');
const document = new FormatDocument(text);

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
    assert.match(text, new RegExp(`in stretches of ${STRETCH_BYTES} bytes`));
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
