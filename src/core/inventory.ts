// The inventory of a head: which objects a home must keep for it, in the clear, so that home needs no key to prune.
import { ByteReader, ByteWriter, fromHex, toHex } from './bytes.ts';
import { HASH_BYTES, type Hashing } from './hashing.ts';
import { type Head, peekHead } from './head.ts';

const INVENTORY_MAGIC = 'DPI1';
const PAGE_MAGIC = 'DPG1';
const VERSION = 1;
const KINDS = ['packs', 'bases'] as const;
/** A page ends after a name whose last byte is below this: one in 128, so that a change touches one page. */
const LAST_BYTE_LIMIT = 2;
const PAGE_ENTRIES_MAX = 4096;

/** An object that a head needs, by its kind and hash. Segments and keyrings are never pruned, and not listed. */
export interface InventoryEntry {
  readonly kind: (typeof KINDS)[number];
  /** The name: SHA-256 of the file, in hexadecimal. */
  readonly name: string;
}

/** A part of the list, which inventories that follow one another mostly share. */
export interface InventoryPage {
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What an inventory says. */
export interface Inventory {
  /** Read, and proven by nothing: home holds no key. */
  readonly head: Head;
  readonly headBytes: Uint8Array;
  /** The names of its pages, in the order of the list. */
  readonly pages: readonly string[];
}

/** An inventory with its pages, as a sync sends them. */
export interface EncodedInventory {
  readonly bytes: Uint8Array;
  readonly pages: readonly InventoryPage[];
}

/** The inventory of a head that needs `entries`, each once, in any order. */
export function encodeInventory(
  headBytes: Uint8Array,
  entries: readonly InventoryEntry[],
  { sha256 }: Hashing,
): EncodedInventory {
  const pages = cutPages([...entries].sort(byName)).map((page) => {
    const bytes = encodePage(page);
    return { name: toHex(sha256(bytes)), bytes };
  });
  const writer = new ByteWriter(64 + headBytes.length + pages.length * HASH_BYTES)
    .text(INVENTORY_MAGIC)
    .u8(VERSION)
    .prefixed(headBytes)
    .u32(pages.length);
  for (const { name } of pages) writer.fixed(fromHex(name), HASH_BYTES);
  return { bytes: writer.finish(), pages };
}

/** Reads an inventory. Throws HEAD_DAMAGED or FORMAT_UNKNOWN. */
export function decodeInventory(bytes: Uint8Array): Inventory {
  const reader = new ByteReader(bytes, 'HEAD_DAMAGED', 'inventory');
  reader.magic(INVENTORY_MAGIC);
  reader.version(VERSION);
  const headBytes = reader.prefixed();
  const head = peekHead(headBytes);
  const pages: string[] = [];
  const count = reader.count(reader.u32(), HASH_BYTES);
  for (let i = 0; i < count; i++) pages.push(toHex(reader.take(HASH_BYTES)));
  reader.end();
  return { head, headBytes, pages };
}

/** Reads a page. Throws HEAD_DAMAGED or FORMAT_UNKNOWN, also for entries that are not ascending. */
export function decodeInventoryPage(bytes: Uint8Array): InventoryEntry[] {
  const reader = new ByteReader(bytes, 'HEAD_DAMAGED', 'inventory page');
  reader.magic(PAGE_MAGIC);
  reader.version(VERSION);
  const count = reader.count(reader.u32(), 1 + HASH_BYTES);
  const entries: InventoryEntry[] = [];
  for (let i = 0; i < count; i++) {
    const kind = KINDS[reader.u8() - 1];
    if (kind === undefined) throw reader.damaged('expected kind 1 or 2, got another');
    const entry = { kind, name: toHex(reader.take(HASH_BYTES)) };
    const last = entries.at(-1);
    if (last !== undefined && byName(last, entry) >= 0)
      throw reader.damaged('expected ascending names, got others');
    entries.push(entry);
  }
  reader.end();
  return entries;
}

function encodePage(entries: readonly InventoryEntry[]): Uint8Array {
  const writer = new ByteWriter(16 + entries.length * (1 + HASH_BYTES))
    .text(PAGE_MAGIC)
    .u8(VERSION)
    .u32(entries.length);
  for (const { kind, name } of entries) writer.u8(KINDS.indexOf(kind) + 1).fixed(fromHex(name), HASH_BYTES);
  return writer.finish();
}

/** Where a page ends depends on the names in it alone: a name more or less changes the page that it is in, and no other. */
function cutPages(entries: readonly InventoryEntry[]): InventoryEntry[][] {
  const pages: InventoryEntry[][] = [];
  let page: InventoryEntry[] = [];
  for (const entry of entries) {
    page.push(entry);
    const isLast = Number.parseInt(entry.name.slice(-2), 16) < LAST_BYTE_LIMIT;
    if (!isLast && page.length < PAGE_ENTRIES_MAX) continue;
    pages.push(page);
    page = [];
  }
  if (page.length > 0) pages.push(page);
  return pages;
}

function byName(a: InventoryEntry, b: InventoryEntry): number {
  const kinds = KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
  if (kinds !== 0) return kinds;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
