// What drives hold after a crash: a pure model of file systems that persist what was not synced in any part and order.
import type { Change } from './recorder.ts';

/** A file, folder or link that a folder has under some name. */
export type Node =
  | { readonly kind: 'file'; readonly bytes: Uint8Array }
  | { readonly kind: 'folder'; readonly names: ReadonlyMap<string, Node> }
  | { readonly kind: 'symlink'; readonly target: string };
export type Folder = Extract<Node, { kind: 'folder' }>;

/** What becomes of an operation that nothing had made durable. */
export type Fate =
  | { readonly kind: 'kept' }
  | { readonly kind: 'lost' }
  /** Of a write: its first bytes came, the rest reads as before. */
  | { readonly kind: 'torn'; readonly share: number }
  /** Of a write: the file is as long as after it, and the bytes are zeros. */
  | { readonly kind: 'zeros' };

export const KEPT: Fate = { kind: 'kept' };
export const LOST: Fate = { kind: 'lost' };

/** A part of a change that happens or does not; inodes and folders are numbers. */
type Operation = {
  /** The change that it is part of. */
  readonly change: number;
  readonly path: string;
  /** The drive that it happens on: the first name of its path. */
  readonly drive: string;
} & (
  | {
      readonly kind: 'name';
      readonly folder: number;
      readonly name: string;
      readonly node: number;
      readonly leaves?: readonly [number, string];
    }
  | { readonly kind: 'unname'; readonly folder: number; readonly name: string }
  | { readonly kind: 'bytes'; readonly node: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'length'; readonly node: number; readonly length: number }
);

interface Inode {
  readonly kind: Node['kind'];
  readonly target: string;
  /** As it was before the recording; undefined for one that was made in it. */
  readonly former: Uint8Array | undefined;
  readonly names: Map<string, number>;
  length: number;
}

/** A recording over the state that it began in. */
export class DriveModel {
  readonly #inodes: Inode[] = [];
  readonly #operations: Operation[] = [];
  /** By operation: the first change after which it is durable; Infinity if there is none. */
  readonly #durableFrom: number[] = [];
  readonly #syncs = new Set<number>();
  readonly #formerNames: ReadonlyMap<string, number>[];
  /** How many changes there are. */
  readonly length: number;

  constructor(start: Folder, changes: readonly Change[]) {
    this.length = changes.length;
    this.#take(start);
    this.#formerNames = this.#inodes.map(({ names }) => new Map(names));
    for (const [index, change] of changes.entries()) this.#run(change, index);
  }

  /** The numbers of the operations among the first `count` changes that a power cut after them may take. */
  unsynced(count: number): number[] {
    return this.#operations.flatMap(({ change }, index) =>
      change < count && (this.#durableFrom[index] ?? 0) >= count ? [index] : [],
    );
  }

  /** The path that an operation was about. */
  pathOf(operation: number): string {
    return this.#operations[operation]?.path ?? '';
  }

  /** True if a change makes earlier ones durable. */
  isSync(change: number): boolean {
    return this.#syncs.has(change);
  }

  /** The operations of one change. */
  operationsOf(change: number): number[] {
    return this.#operations.flatMap((operation, index) => (operation.change === change ? [index] : []));
  }

  /** True if the operation writes bytes. */
  isWrite(operation: number): boolean {
    return this.#operations[operation]?.kind === 'bytes';
  }

  /** The state after `count` changes; `fate` is asked about each operation that is not durable then. */
  stateAfter(count: number, fate: (operation: number) => Fate = () => KEPT): Folder {
    const names = this.#inodes.map((_, number) => new Map(this.#formerNames[number]));
    const contents = this.#inodes.map(({ former }) => former ?? new Uint8Array(0));
    const isOwn = new Set<number>();
    const grow = (node: number, length: number): Uint8Array => {
      const bytes = contents[node] ?? new Uint8Array(0);
      if (isOwn.has(node) && bytes.length >= length) return bytes;
      const own = new Uint8Array(Math.max(length, bytes.length));
      own.set(bytes);
      isOwn.add(node);
      contents[node] = own;
      return own;
    };
    for (const [index, operation] of this.#operations.entries()) {
      if (operation.change >= count) break;
      const becomes = (this.#durableFrom[index] ?? 0) < count ? KEPT : fate(index);
      if (becomes.kind === 'lost') continue;
      if (operation.kind === 'name') {
        const { folder, name, node, leaves } = operation;
        if (leaves !== undefined && names[leaves[0]]?.get(leaves[1]) === node)
          names[leaves[0]]?.delete(leaves[1]);
        names[folder]?.set(name, node);
      } else if (operation.kind === 'unname') names[operation.folder]?.delete(operation.name);
      else if (operation.kind === 'length') {
        const { node, length } = operation;
        const bytes = grow(node, length);
        if (bytes.length > length) contents[node] = bytes.slice(0, length);
      } else {
        const { node, offset, bytes } = operation;
        const share = becomes.kind === 'torn' ? Math.floor(bytes.length * becomes.share) : bytes.length;
        const whole = grow(node, offset + share);
        if (becomes.kind !== 'zeros') whole.set(bytes.subarray(0, share), offset);
      }
    }
    return this.#assemble(0, names, contents);
  }

  #assemble(number: number, names: readonly Map<string, number>[], contents: readonly Uint8Array[]): Folder {
    const found = new Map<string, Node>();
    for (const [name, child] of names[number] ?? []) {
      const { kind = 'file', target = '' } = this.#inodes[child] ?? {};
      if (kind === 'folder') found.set(name, this.#assemble(child, names, contents));
      else if (kind === 'symlink') found.set(name, { kind, target });
      else found.set(name, { kind, bytes: contents[child] ?? new Uint8Array(0) });
    }
    return { kind: 'folder', names: found };
  }

  #take(node: Node): number {
    const number = this.#make(node.kind, node.kind === 'symlink' ? node.target : '', node);
    if (node.kind === 'folder')
      for (const [name, child] of node.names) this.#inodes[number]?.names.set(name, this.#take(child));
    return number;
  }

  #make(kind: Node['kind'], target = '', former?: Node): number {
    const bytes = former?.kind === 'file' ? former.bytes : undefined;
    return (
      this.#inodes.push({ kind, target, former: bytes, names: new Map(), length: bytes?.length ?? 0 }) - 1
    );
  }

  /** The folder that holds the last name of a path, that name, and what it names now. */
  #find(path: string): { folder: number; name: string; node: number | undefined; drive: string } {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    let folder = 0;
    for (const part of parts) {
      const next = this.#inodes[folder]?.names.get(part);
      if (next === undefined) throw new Error(`${path}: the recording does not know ${part}`);
      folder = next;
    }
    return { folder, name, node: this.#inodes[folder]?.names.get(name), drive: parts[0] ?? name };
  }

  #inodeAt(path: string): { node: number; inode: Inode; drive: string } {
    const { node, drive } = this.#find(path);
    const inode = node === undefined ? undefined : this.#inodes[node];
    if (node === undefined || inode === undefined) throw new Error(`${path}: the recording does not know it`);
    return { node, inode, drive };
  }

  #add(operation: Operation): void {
    this.#operations.push(operation);
    this.#durableFrom.push(Number.POSITIVE_INFINITY);
  }

  #name(path: string, node: number, change: number, from?: string): void {
    const { folder, name, drive } = this.#find(path);
    const left = from === undefined ? undefined : this.#find(from);
    if (left !== undefined) this.#inodes[left.folder]?.names.delete(left.name);
    this.#inodes[folder]?.names.set(name, node);
    const leaves = left === undefined ? {} : { leaves: [left.folder, left.name] as const };
    this.#add({ change, path, drive, kind: 'name', folder, name, node, ...leaves });
  }

  #run(change: Change, index: number): void {
    switch (change.kind) {
      case 'open': {
        const { node } = this.#find(change.path);
        if (node === undefined) this.#name(change.path, this.#make('file'), index);
        else if (change.truncates) this.#resize(node, 0, index, change.path);
        return;
      }
      case 'write': {
        const { node, inode, drive } = this.#inodeAt(change.path);
        const offset = Number.isFinite(change.offset) ? change.offset : inode.length;
        inode.length = Math.max(inode.length, offset + change.bytes.length);
        this.#add({
          change: index,
          path: change.path,
          drive,
          kind: 'bytes',
          node,
          offset,
          bytes: change.bytes,
        });
        return;
      }
      case 'resize': {
        this.#resize(this.#inodeAt(change.path).node, change.length, index, change.path);
        return;
      }
      case 'folder':
        this.#name(change.path, this.#make('folder'), index);
        return;
      case 'symlink':
        this.#name(change.path, this.#make('symlink', change.target), index);
        return;
      case 'link':
        this.#name(change.to, this.#inodeAt(change.path).node, index);
        return;
      case 'rename':
        this.#name(change.to, this.#inodeAt(change.path).node, index, change.path);
        return;
      case 'remove': {
        const { folder, name, drive } = this.#find(change.path);
        this.#inodes[folder]?.names.delete(name);
        this.#add({ change: index, path: change.path, drive, kind: 'unname', folder, name });
        return;
      }
      default:
        this.#sync(change, index);
    }
  }

  #resize(node: number, length: number, change: number, path: string): void {
    const inode = this.#inodes[node];
    if (inode !== undefined) inode.length = length;
    this.#add({ change, path, drive: this.#find(path).drive, kind: 'length', node, length });
  }

  /**
   * A file's sync makes its bytes durable, not its name; a folder's the names in it, not what they name. A rename is
   * durable with the folder that it leads to, and happens as a whole.
   */
  #sync({ kind, path, endedBefore }: Change, index: number): void {
    const { node, drive } = this.#inodeAt(path);
    this.#syncs.add(index);
    for (const [number, operation] of this.#operations.entries()) {
      if (operation.change >= endedBefore || Number.isFinite(this.#durableFrom[number])) continue;
      const isMeant =
        kind === 'syncfs'
          ? operation.drive === drive
          : operation.kind === 'name' || operation.kind === 'unname'
            ? operation.folder === node
            : operation.node === node;
      if (isMeant) this.#durableFrom[number] = index;
    }
  }
}
