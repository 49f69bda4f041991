// Inventories: read back as written, strictly, and mostly shared by those that follow one another.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { toHex } from '../../src/core/bytes.ts';
import { encodeHead } from '../../src/core/head.ts';
import {
  decodeInventory,
  decodeInventoryPage,
  type EncodedInventory,
  encodeInventory,
  type InventoryEntry,
} from '../../src/core/inventory.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { assertCode, bytesOf, errorOf, sealing } from './parser-suite.ts';

const HEAD = encodeHead(
  {
    podId: new Uint8Array(16).fill(1),
    epoch: 2,
    deviceId: new Uint8Array(16).fill(3),
    seq: 44,
    recordHash: new Uint8Array(32).fill(5),
    keyring: new Uint8Array(32).fill(6),
  },
  sealing,
);

const someEntries: fc.Arbitrary<InventoryEntry[]> = fc.uniqueArray(
  fc.record({ kind: fc.constantFrom('packs' as const, 'bases' as const), name: bytesOf(32).map(toHex) }),
  { selector: ({ kind, name }) => `${kind}/${name}`, maxLength: 400 },
);

function entriesOf({ pages }: EncodedInventory): InventoryEntry[] {
  return pages.flatMap(({ bytes }) => decodeInventoryPage(bytes));
}

/** Names as a hash gives them. */
function named(count: number, from = 0): InventoryEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: 'packs' as const,
    name: createHash('sha256')
      .update(String(from + i))
      .digest('hex'),
  }));
}

describe('an inventory', () => {
  it('reads back as it was written, whatever the order of its entries', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        const encoded = encodeInventory(HEAD, entries, hashing);
        const { head, headBytes, pages } = decodeInventory(encoded.bytes);
        assert.equal(head.seq, 44);
        assert.deepEqual(headBytes, HEAD);
        assert.deepEqual(
          pages,
          encoded.pages.map(({ name }) => name),
        );
        for (const { name, bytes } of encoded.pages) assert.equal(name, toHex(hashing.sha256(bytes)));
        const key = ({ kind, name }: InventoryEntry): string => `${kind}/${name}`;
        assert.deepEqual(new Set(entriesOf(encoded).map(key)), new Set(entries.map(key)));
        assert.equal(entriesOf(encoded).length, entries.length);
        assert.deepEqual(encodeInventory(HEAD, entries.toReversed(), hashing), encoded);
      }),
    );
  });

  it('shares all pages but one or two with that of a pack more', () => {
    const before = encodeInventory(HEAD, named(20_000), hashing);
    const after = encodeInventory(HEAD, [...named(20_000), ...named(1, 20_000)], hashing);
    const known = new Set(before.pages.map(({ name }) => name));
    const fresh = after.pages.filter(({ name }) => !known.has(name));
    assert.ok(fresh.length <= 2, `${fresh.length} of ${after.pages.length} pages`);
    assert.ok(before.pages.length > 100);
    assert.ok(after.bytes.length < 10_000);
  });

  it('has pages of bounded length, also of names that nobody hashed', () => {
    const same = Array.from({ length: 10_000 }, (_, i) => ({
      kind: 'packs' as const,
      name: i.toString(16).padStart(8, '0').padEnd(64, 'f'),
    }));
    const { pages } = encodeInventory(HEAD, same, hashing);
    assert.ok(pages.every(({ bytes }) => bytes.length < 200_000));
  });

  it('finds truncation and wrong entries', () => {
    const { bytes, pages } = encodeInventory(HEAD, named(3), hashing);
    for (let length = 0; length < bytes.length; length++) {
      assertCode(() => decodeInventory(bytes.subarray(0, length)), 'HEAD_DAMAGED');
    }
    const page = pages[0]?.bytes ?? new Uint8Array(0);
    for (let length = 0; length < page.length; length++) {
      assertCode(() => decodeInventoryPage(page.subarray(0, length)), 'HEAD_DAMAGED');
    }
    const unordered = new Uint8Array([
      ...page.subarray(0, 9),
      ...page.subarray(42, 75),
      ...page.subarray(9, 42),
      ...page.subarray(75),
    ]);
    if (page.length === 9 + 3 * 33) assertCode(() => decodeInventoryPage(unordered), 'HEAD_DAMAGED');
    assertCode(() => decodeInventoryPage(page.with(9, 3)), 'HEAD_DAMAGED');
    assertCode(() => decodeInventoryPage(page.with(4, 2)), 'FORMAT_UNKNOWN');
    assertCode(() => decodeInventory(bytes.with(4, 2)), 'FORMAT_UNKNOWN');
  });

  it('bears any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const parse of [decodeInventory, decodeInventoryPage]) {
          assert.ok(['HEAD_DAMAGED', 'FORMAT_UNKNOWN'].includes(errorOf(() => parse(bytes)).code));
        }
      }),
    );
  });
});
