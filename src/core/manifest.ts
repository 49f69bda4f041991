// The manifest: the list of what a checkpoint contains, read and written as a stream.
import { ByteReader, ByteWriter } from './bytes.ts';
import { EntryOrder, type PlacedEntry } from './entry-order.ts';
import { DeskPodError } from './errors.ts';
import { HASH_BYTES } from './hashing.ts';
import { MANIFEST_ENTRY_MAX_BYTES, ManifestFrames, manifestEnd, manifestHeader } from './manifest-frames.ts';

/** The kinds in the order of their numbers, from 1. */
export const ENTRY_KINDS = [
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'character-device',
  'block-device',
] as const;
const SPARSE_FLAG = 1;
const LENGTH_BYTES = 4;

/** What an entry is. */
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** An extended attribute. */
export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** One entry of a manifest. Every field is there for every kind; those that mean nothing for it are zero or empty. */
export interface ManifestEntry {
  /** Relative, raw bytes; empty only for the folder that holds everything, which may come first. */
  readonly path: Uint8Array;
  readonly kind: EntryKind;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** The length of a file's content. */
  readonly sizeBytes: number;
  /** Of devices. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** Of symlinks. */
  readonly target: Uint8Array;
  /** 0: none. Members of a group share an inode; groups are numbered 1, 2, 3… as they first appear. */
  readonly hardlinkGroup: number;
  /** Of files: runs of zeros are to be holes. */
  readonly isSparse: boolean;
  /** Best sorted by name, so that equal trees give equal manifests. */
  readonly xattrs: readonly Xattr[];
  /** Of files, and of a hardlink group only at its first member: the chunks whose concatenation is the content. */
  readonly chunkIds: readonly Uint8Array[];
}

/** Writes a manifest entry by entry. */
export class ManifestEncoder {
  readonly #order = new EntryOrder();
  #entryCount = 0;

  /** The bytes that open a manifest. */
  start(): Uint8Array {
    return manifestHeader();
  }

  /** The bytes of the next entry. MANIFEST_DAMAGED if it may not stand here, so that no such manifest is written. */
  entry(entry: ManifestEntry): Uint8Array {
    this.#place(entry);
    return encodeEntry(entry);
  }

  /** Counts an entry whose bytes come next as they are. Throws like {@link entry}. */
  carry(entry: PlacedEntry): void {
    this.#place(entry);
  }

  #place(entry: PlacedEntry): void {
    const fault = this.#order.fault(entry);
    if (fault !== undefined) throw new DeskPodError('MANIFEST_DAMAGED', `manifest entry: ${fault}`);
    this.#entryCount++;
  }

  /** The bytes that end the manifest. */
  end(): Uint8Array {
    return manifestEnd(this.#entryCount);
  }
}

/**
 * Reads a manifest that comes in pieces. Throws MANIFEST_DAMAGED for entries that are malformed, out of order, or
 * could lead out of the folder they are restored to; FORMAT_UNKNOWN for a later version.
 */
export class ManifestDecoder {
  readonly #frames = new ManifestFrames();
  readonly #order = new EntryOrder();

  /** Takes the next piece and returns the entries that it completes. They are views of copied or given bytes. */
  push(piece: Uint8Array): ManifestEntry[] {
    return this.#frames.push(piece).map((bytes) => {
      const reader = new ByteReader(bytes, 'MANIFEST_DAMAGED', 'manifest entry', LENGTH_BYTES);
      const entry = decodeEntry(reader);
      const fault = this.#order.fault(entry);
      if (fault !== undefined) throw reader.damaged(fault);
      return entry;
    });
  }

  /** Says that there are no more pieces. Throws MANIFEST_DAMAGED if the manifest did not end. */
  end(): void {
    this.#frames.end();
  }
}

/** Used again for every entry. */
const entryWriter = new ByteWriter(1024);

/** The bytes of an entry as a manifest has them, after their length. MANIFEST_DAMAGED or RangeError if none can say it. */
export function encodeEntry(entry: ManifestEntry): Uint8Array {
  writeEntry(entryWriter.clear().u32(0), entry);
  const length = entryWriter.length - 4;
  if (length > MANIFEST_ENTRY_MAX_BYTES) {
    throw new RangeError(`expected an entry of at most ${MANIFEST_ENTRY_MAX_BYTES} bytes, got ${length}`);
  }
  const bytes = entryWriter.setU32(0, length).finish();
  // what could not be read back must not be written
  decodeEntry(new ByteReader(bytes.subarray(4), 'MANIFEST_DAMAGED', 'manifest entry'));
  return bytes;
}

function writeEntry(writer: ByteWriter, entry: ManifestEntry): void {
  if (entry.mode > 0o7777) throw new RangeError(`expected a mode of at most 0o7777, got ${entry.mode}`);
  writer
    .u8(ENTRY_KINDS.indexOf(entry.kind) + 1)
    .prefixed(entry.path)
    .u16(entry.mode)
    .u32(entry.uid)
    .u32(entry.gid)
    .i64(entry.mtimeNs)
    .u64(entry.sizeBytes)
    .u32(entry.rdevMajor)
    .u32(entry.rdevMinor)
    .prefixed(entry.target)
    .u32(entry.hardlinkGroup)
    .u8(entry.isSparse ? SPARSE_FLAG : 0)
    .varint(entry.xattrs.length);
  for (const { name, value } of entry.xattrs) writer.prefixed(name).prefixed(value);
  writer.varint(entry.chunkIds.length);
  for (const id of entry.chunkIds) writer.fixed(id, HASH_BYTES);
}

/** One entry, which must fill what `reader` reads. Throws MANIFEST_DAMAGED. */
export function decodeEntry(reader: ByteReader): ManifestEntry {
  const kind = ENTRY_KINDS[reader.u8() - 1];
  if (kind === undefined) throw reader.damaged('expected a kind from 1 to 7, got another');
  const entry: ManifestEntry = {
    kind,
    path: reader.prefixed(),
    mode: reader.u16(),
    uid: reader.u32(),
    gid: reader.u32(),
    mtimeNs: reader.i64(),
    sizeBytes: reader.u64(),
    rdevMajor: reader.u32(),
    rdevMinor: reader.u32(),
    target: reader.prefixed(),
    hardlinkGroup: reader.u32(),
    isSparse: sparseOf(reader),
    xattrs: xattrsOf(reader),
    chunkIds: chunkIdsOf(reader),
  };
  reader.end();
  const fault = fieldFault(entry);
  if (fault !== undefined) throw reader.damaged(fault);
  return entry;
}

function fieldFault(entry: ManifestEntry): string | undefined {
  const { kind } = entry;
  const isDevice = kind === 'character-device' || kind === 'block-device';
  if (entry.mode > 0o7777) return `expected a mode of at most 0o7777, got ${entry.mode}`;
  if (kind !== 'file' && (entry.chunkIds.length > 0 || entry.sizeBytes > 0 || entry.isSparse)) {
    return `expected content in a file only, got a ${kind} with some`;
  }
  if (kind === 'symlink' ? entry.target.length === 0 || entry.target.includes(0) : entry.target.length > 0) {
    return `expected a target without NUL for a symlink only, got a ${kind}`;
  }
  if (!isDevice && (entry.rdevMajor > 0 || entry.rdevMinor > 0))
    return `expected no device number for a ${kind}`;
  if (kind === 'directory' && entry.hardlinkGroup > 0) return 'expected no hard links to a directory';
  return undefined;
}

function sparseOf(reader: ByteReader): boolean {
  const flags = reader.u8();
  if (flags > SPARSE_FLAG) throw reader.damaged(`expected flags 0 or 1, got ${flags}`);
  return flags === SPARSE_FLAG;
}

function xattrsOf(reader: ByteReader): Xattr[] {
  const count = reader.count(reader.varint(), 2);
  const xattrs: Xattr[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.prefixed();
    if (name.length === 0 || name.includes(0)) throw reader.damaged('expected an attribute name, got none');
    xattrs.push({ name, value: reader.prefixed() });
  }
  return xattrs;
}

function chunkIdsOf(reader: ByteReader): Uint8Array[] {
  const count = reader.count(reader.varint(), HASH_BYTES);
  const ids: Uint8Array[] = [];
  for (let i = 0; i < count; i++) ids.push(reader.take(HASH_BYTES));
  return ids;
}
