// A tree in memory with inodes and names, edited at random, which marks what a watch would report.
import fc from 'fast-check';
import { DirtyPaths } from '../../../src/core/dirty-paths.ts';
import type { ManifestEntry } from '../../../src/core/manifest.ts';
import type { FreshEntry, FreshPart } from '../../../src/core/manifest-patch.ts';
import { comparePaths, isWithin } from '../../../src/core/path-order.ts';

/** What can be done to a tree; paths and targets that do not fit are passed over. */
export type Edit =
  | readonly ['file' | 'folder' | 'fifo' | 'remove', string]
  | readonly ['chmod' | 'write', string, number]
  | readonly ['link' | 'rename', string, string];

const name = fc.constantFrom('a', 'b', 'c', 'a-', 'a.b');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(fc.constantFrom('file' as const, 'folder' as const, 'folder' as const, 'fifo' as const), path),
  fc.tuple(fc.constant('remove' as const), path),
  fc.tuple(fc.constantFrom('chmod' as const, 'write' as const), path, fc.integer({ min: 0, max: 3 })),
  fc.tuple(fc.constantFrom('link' as const, 'rename' as const, 'rename' as const), path, path),
);

/** Sequences of edits. */
export const editsOf = (maxLength: number): fc.Arbitrary<Edit[]> => fc.array(edit, { maxLength });

interface Inode {
  readonly id: number;
  readonly kind: 'file' | 'directory' | 'fifo';
  mode: number;
  content: number;
  mtime: number;
}

/** The tree, with the paths that a watch would have marked since they were last cleared. */
export class ModelTree {
  readonly dirty = new DirtyPaths();
  readonly #inodes = new Map<string, Inode>();
  #clock = 0;
  /** Inodes that were written to, or had their mode changed. */
  readonly #changed = new Set<number>();

  constructor() {
    this.#inodes.set('', this.#inode('directory'));
  }

  apply([kind, at, other]: Edit): void {
    const before = this.#linkedInodes();
    if (kind === 'remove') this.#remove(at);
    else if (kind === 'chmod' || kind === 'write') this.#change(kind, at, Number(other));
    else if (kind === 'link') this.#link(at, String(other));
    else if (kind === 'rename') this.#rename(at, String(other));
    else this.#make(kind === 'folder' ? 'directory' : kind, at);
    this.#markLinks(before);
  }

  /** Whoever looks at all names of an inode with several sees at each that something happened to it, or to one of them. */
  #markLinks(before: ReadonlyMap<number, readonly string[]>): void {
    const after = this.#linkedInodes();
    for (const id of new Set([...before.keys(), ...after.keys()])) {
      const names = new Set([...(before.get(id) ?? []), ...(after.get(id) ?? [])]);
      const isSame = names.size === before.get(id)?.length && names.size === after.get(id)?.length;
      if (!isSame || this.#changed.has(id)) for (const name of names) this.#mark(name);
    }
    this.#changed.clear();
  }

  #linkedInodes(): Map<number, string[]> {
    const names = new Map<number, string[]>();
    for (const [path, { id }] of this.#inodes) names.set(id, [...(names.get(id) ?? []), path]);
    return new Map([...names].filter(([, paths]) => paths.length > 1));
  }

  /** The names of all inodes that have several: no watch tells of all of them. */
  linked(): DirtyPaths {
    const linked = new DirtyPaths();
    for (const { entry, link } of this.scan()) if (link !== undefined) linked.mark(entry.path);
    return linked;
  }

  /** Everything, in the manifest's order. */
  scan(): FreshEntry[] {
    const counts = new Map<number, number>();
    for (const { id } of this.#inodes.values()) counts.set(id, (counts.get(id) ?? 0) + 1);
    return [...this.#inodes]
      .map(([path, inode]) => ({
        entry: entryOf(Buffer.from(path), inode),
        link: (counts.get(inode.id) ?? 0) > 1 ? String(inode.id) : undefined,
      }))
      .sort((a, b) => comparePaths(a.entry.path, b.entry.path));
  }

  /** What somebody finds who looks at the dirty paths. */
  partsOf(dirty: DirtyPaths): FreshPart[] {
    const all = this.scan();
    return dirty.inOrder().map(({ path, isWhole }) => ({
      path,
      isWhole,
      entries: all.filter(
        ({ entry }) => comparePaths(entry.path, path) === 0 || (isWhole && isWithin(entry.path, path)),
      ),
    }));
  }

  #make(kind: Inode['kind'], at: string): void {
    if (this.#inodes.has(at) || !this.#hasFolder(at)) return;
    this.#inodes.set(at, this.#inode(kind));
    this.#named(at, kind === 'directory');
  }

  #remove(at: string): void {
    const inode = this.#inodes.get(at);
    if (inode === undefined) return;
    for (const below of this.#below(at)) this.#inodes.delete(below);
    this.#inodes.delete(at);
    this.#named(at, false);
  }

  #change(kind: 'chmod' | 'write', at: string, value: number): void {
    const inode = this.#inodes.get(at);
    if (inode === undefined) return;
    this.#changed.add(inode.id);
    if (kind === 'chmod') inode.mode = 0o700 + value;
    else if (inode.kind === 'file') {
      inode.content = value;
      inode.mtime = ++this.#clock;
    }
    this.#mark(at);
  }

  #link(at: string, to: string): void {
    const inode = this.#inodes.get(at);
    if (inode === undefined || inode.kind === 'directory' || this.#inodes.has(to) || !this.#hasFolder(to))
      return;
    this.#inodes.set(to, inode);
    this.#named(to, false);
  }

  #rename(from: string, to: string): void {
    const inode = this.#inodes.get(from);
    const present = this.#inodes.get(to);
    if (inode === undefined || from === to || to.startsWith(`${from}/`) || !this.#hasFolder(to)) return;
    if (present !== undefined && (present.kind === 'directory') !== (inode.kind === 'directory')) return;
    if (present?.kind === 'directory' && this.#below(to).length > 0) return;
    if (present === inode) return;
    const moved = this.#below(from);
    this.#inodes.delete(from);
    this.#inodes.set(to, inode);
    for (const below of moved) {
      const each = this.#inodes.get(below);
      this.#inodes.delete(below);
      if (each !== undefined) this.#inodes.set(to + below.slice(from.length), each);
    }
    this.#named(from, false);
    this.#named(to, inode.kind === 'directory');
  }

  #below(at: string): string[] {
    return [...this.#inodes.keys()].filter((path) => path.startsWith(`${at}/`));
  }

  #hasFolder(at: string): boolean {
    return this.#inodes.get(folderOf(at))?.kind === 'directory';
  }

  /** A name came or went: its folder has another time. */
  #named(at: string, isWhole: boolean): void {
    const folder = this.#inodes.get(folderOf(at));
    if (folder !== undefined) folder.mtime = ++this.#clock;
    this.#mark(folderOf(at));
    this.#mark(at, isWhole);
  }

  #mark(at: string, isWhole = false): void {
    this.dirty.mark(Buffer.from(at), isWhole);
  }

  #inode(kind: Inode['kind']): Inode {
    this.#clock++;
    return { id: this.#clock, kind, mode: 0o700, content: 0, mtime: this.#clock };
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function entryOf(path: Uint8Array, { kind, mode, content, mtime }: Inode): ManifestEntry {
  return {
    path,
    kind,
    mode,
    uid: 0,
    gid: 0,
    mtimeNs: BigInt(mtime),
    sizeBytes: kind === 'file' ? content : 0,
    rdevMajor: 0,
    rdevMinor: 0,
    target: new Uint8Array(0),
    hardlinkGroup: 0,
    isSparse: false,
    xattrs: [],
    chunkIds: kind === 'file' && content > 0 ? [new Uint8Array(32).fill(content)] : [],
  };
}
