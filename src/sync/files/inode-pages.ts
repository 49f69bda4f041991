// Scanned inodes as bytes, while they wait: as objects they take four times the memory, and the garbage collector's time.
import { STAMP_BYTES } from '../posix/statx.ts';
import { ScannedInode } from './scanner.ts';

const PAGE_BYTES = 64 * 1024;
const STAMP_AT = 27;
const PATH_AT = STAMP_AT + STAMP_BYTES;

interface Page {
  readonly bytes: Buffer;
  length: number;
}

/** Inodes in the order in which they came. */
export class InodePages {
  readonly #pages: Page[] = [];
  /** Where in the first page the next one begins that is to be taken. */
  #at = 0;
  /** How many it was given. */
  count = 0;

  push(inode: ScannedInode): void {
    const { path, stamp, facts } = inode;
    const length = PATH_AT + path.length;
    const page = this.#pageFor(length);
    const { bytes } = page;
    let at = page.length;
    page.length += length;
    this.count++;
    bytes.set(stamp, at + STAMP_AT);
    bytes.set(path, at + PATH_AT);
    at = bytes.writeUInt32LE(path.length, at);
    at = bytes.writeUInt16LE(facts.mode, at);
    at = bytes.writeUInt32LE(facts.uid, at);
    at = bytes.writeUInt32LE(facts.gid, at);
    at = bytes.writeUInt32LE(facts.linkCount, at);
    at = bytes.writeUInt32LE(facts.rdevMajor, at);
    at = bytes.writeUInt32LE(facts.rdevMinor, at);
    bytes.writeUInt8(facts.isSmallerOnDisk ? 1 : 0, at);
  }

  /** The first of them, which is let go of; undefined if there is none. */
  shift(): ScannedInode | undefined {
    let page = this.#pages[0];
    if (page !== undefined && this.#at >= page.length) {
      this.#pages.shift();
      this.#at = 0;
      page = this.#pages[0];
    }
    if (page === undefined) return undefined;
    const { bytes } = page;
    const at = this.#at;
    this.#at = at + PATH_AT + bytes.readUInt32LE(at);
    const facts = {
      mode: bytes.readUInt16LE(at + 4),
      uid: bytes.readUInt32LE(at + 6),
      gid: bytes.readUInt32LE(at + 10),
      linkCount: bytes.readUInt32LE(at + 14),
      rdevMajor: bytes.readUInt32LE(at + 18),
      rdevMinor: bytes.readUInt32LE(at + 22),
      isSmallerOnDisk: bytes[at + 26] === 1,
    };
    const stamp = bytes.subarray(at + STAMP_AT, at + PATH_AT);
    return new ScannedInode(bytes.subarray(at + PATH_AT, this.#at), stamp, facts);
  }

  #pageFor(length: number): Page {
    const last = this.#pages.at(-1);
    if (last !== undefined && last.length + length <= last.bytes.length) return last;
    const page = { bytes: Buffer.allocUnsafeSlow(Math.max(PAGE_BYTES, length)), length: 0 };
    this.#pages.push(page);
    return page;
  }
}
