// The watches of a tree: one for each folder, and the paths that their events are about.
import { closeSync, lstatSync, readdirSync } from 'node:fs';
import { DirtyPaths } from '../../core/dirty-paths.ts';
import { joinPath, pathKey } from '../files/byte-path.ts';
import { INOTIFY, Inotify, type InotifyEvent } from '../posix/inotify.ts';
import type { GapCause } from './gap-cause.ts';

/** While folders are added, events are taken out of the kernel's queue after so many. */
const FOLDERS_PER_PULL = 64;
/** Events that wait in memory; more are as good as lost. */
const BACKLOG_MAX = 500_000;
/** Dirty paths that are remembered; beyond them a scan of everything is cheaper. */
const DIRTY_MAX = 100_000;
const NAMED = INOTIFY.create | INOTIFY.movedTo | INOTIFY.delete | INOTIFY.movedFrom;
const COMES = INOTIFY.create | INOTIFY.movedTo;
const GOES = INOTIFY.delete | INOTIFY.movedFrom;

interface Folder {
  readonly parent: Folder | undefined;
  readonly name: Buffer;
  readonly watch: number;
  readonly folders: Map<string, Folder>;
}

/** What was noticed since it was last taken. */
export interface Noticed {
  readonly dirty: DirtyPaths;
  readonly gaps: ReadonlySet<GapCause>;
}

/** Watches every folder of a tree but those excluded and those of other file systems. The owner closes it. */
export class FolderWatches {
  readonly #root: Buffer;
  readonly #excluded: ReadonlySet<string>;
  #inotify: Inotify | undefined;
  #top: Folder | undefined;
  /** Several folders, if a file system is seen at several places: they have one watch. */
  readonly #byWatch = new Map<number, Folder[]>();
  /** Folders that could not be watched, by the watch's and their own name. */
  readonly #unwatched = new Set<string>();
  #backlog: InotifyEvent[] = [];
  #dirty = new DirtyPaths();
  #gaps = new Set<GapCause>();
  /** Paths that changed since they were last asked for: for whoever wants to be ahead. */
  #changed = new DirtyPaths();
  /** Of the folder at the top. */
  #identity = { dev: 0n, ino: 0n };

  /** Watches nothing until {@link open}. `excluded` are paths in the tree. */
  constructor(root: Uint8Array, excluded: readonly Uint8Array[]) {
    this.#root = Buffer.from(root);
    this.#excluded = new Set(excluded.map((path) => pathKey(path)));
  }

  /** What can be waited for; undefined while nothing is watched. */
  get fd(): number | undefined {
    return this.#inotify?.fd;
  }

  /** Gaps since the last {@link take}. */
  get gaps(): ReadonlySet<GapCause> {
    return this.#gaps;
  }

  /** True if some change is not in what {@link changed} gave. */
  get hasChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** How many folders are watched. */
  get folderCount(): number {
    return this.#byWatch.size;
  }

  /** Watches every folder, anew if need be. What cannot be watched becomes a gap. */
  open(): void {
    this.close();
    try {
      this.#inotify = new Inotify();
      const { dev, ino } = lstatSync(this.#root, { bigint: true });
      this.#identity = { dev, ino };
      this.#top = this.#add(undefined, Buffer.alloc(0));
      if (this.#top === undefined) this.#fail('replaced');
    } catch (error) {
      this.#fail(causeOf(error));
    }
  }

  /** Takes what waits in the kernel's queue at this moment, and understands it. */
  catchUp(): void {
    const wantedBytes = this.#inotify?.waitingBytes ?? 0;
    for (let pulledBytes = 0; pulledBytes < wantedBytes; ) {
      const sizeBytes = this.#pull();
      if (sizeBytes === 0) break;
      pulledBytes += sizeBytes;
    }
    // handling one may pull more
    for (let at = 0; at < this.#backlog.length; at++) {
      const event = this.#backlog[at];
      if (event !== undefined) this.#handle(event);
    }
    this.#backlog = [];
    if (this.#dirty.size > DIRTY_MAX) this.#forget('many');
  }

  /** Everything noticed since the last call. A gap that lasts is in it every time. */
  take(): Noticed {
    if (this.#inotify !== undefined && !this.#isInPlace()) this.#fail('replaced');
    const noticed = { dirty: this.#dirty, gaps: this.#gaps };
    this.#dirty = new DirtyPaths();
    this.#gaps = new Set();
    if (this.#inotify === undefined) for (const cause of noticed.gaps) this.#gaps.add(cause);
    if (this.#unwatched.size > 0) noticed.gaps.add('unwatched');
    return noticed;
  }

  /** The paths that changed since the last call. */
  changed(): DirtyPaths {
    const changed = this.#changed;
    this.#changed = new DirtyPaths();
    return changed;
  }

  /** Ends all watches; what was noticed stays. */
  close(): void {
    if (this.#inotify !== undefined) closeSync(this.#inotify.fd);
    this.#inotify = undefined;
    this.#top = undefined;
    this.#byWatch.clear();
    this.#unwatched.clear();
    this.#backlog = [];
  }

  /** True if nothing is watched: the cause may be over when it is opened again. */
  get isBroken(): boolean {
    return this.#inotify === undefined;
  }

  /** Nobody tells if a folder above the tree was renamed. */
  #isInPlace(): boolean {
    const { dev, ino } = this.#identity;
    const now = lstatSync(this.#root, { bigint: true, throwIfNoEntry: false });
    return now?.dev === dev && now.ino === ino;
  }

  #pull(): number {
    const read = this.#inotify?.read();
    if (read === undefined) return 0;
    for (const event of read.events) this.#backlog.push({ ...event, name: Buffer.from(event.name) });
    if (this.#backlog.length > BACKLOG_MAX) this.#fail('overflow');
    return read.sizeBytes;
  }

  #handle({ watch, mask, name }: InotifyEvent): void {
    if ((mask & INOTIFY.overflow) !== 0) {
      this.#fail('overflow');
      return;
    }
    const folders = this.#byWatch.get(watch);
    if (folders === undefined) return; // of a folder that has left the tree
    if ((mask & INOTIFY.unmount) !== 0) this.#gaps.add('mounts');
    for (const folder of [...folders]) {
      if (name.length > 0) this.#handleNamed(folder, mask, Buffer.from(name));
      else this.#handleSelf(folder, mask);
    }
  }

  #handleSelf(folder: Folder, mask: number): void {
    if ((mask & INOTIFY.ignored) !== 0) this.#forgetWatch(folder);
    else if ((mask & INOTIFY.attrib) !== 0) this.#mark(pathOf(folder), false);
    // of any other folder the one above it tells
    if (folder === this.#top && (mask & (INOTIFY.deleteSelf | INOTIFY.moveSelf)) !== 0)
      this.#fail('replaced');
  }

  #handleNamed(folder: Folder, mask: number, name: Buffer): void {
    const path = childPath(folder, name);
    if (this.#excluded.has(pathKey(path))) return;
    const key = pathKey(name);
    const isFolder = (mask & INOTIFY.isFolder) !== 0;
    let isForgotten = false;
    if ((mask & NAMED) !== 0) {
      this.#mark(pathOf(folder), false);
      // whatever had this name has left, or lies elsewhere
      const former = folder.folders.get(key);
      if (former !== undefined) this.#leave(former);
      const wasUnwatched = this.#unmarkUnwatched(path);
      isForgotten = former !== undefined || wasUnwatched;
    }
    this.#mark(path, isFolder && (mask & COMES) !== 0);
    // of two names that were exchanged, the second is told to go after what took it was told to come
    const mayHaveCome = (mask & INOTIFY.movedFrom) !== 0 && (isFolder || isForgotten);
    // one that could not be watched so far may have become readable
    const isThere = isFolder && (mask & GOES) === 0 && !folder.folders.has(key);
    if (!mayHaveCome && !isThere) return;
    const added = this.#addOrFail(folder, name);
    if (added !== undefined) this.#mark(path, true);
  }

  #addOrFail(parent: Folder, name: Buffer): Folder | undefined {
    try {
      return this.#add(parent, name);
    } catch (error) {
      this.#fail(causeOf(error));
      return undefined;
    }
  }

  /** Watches a folder and all below it. @throws ErrnoError if there can be no more watches at all */
  #add(parent: Folder | undefined, name: Buffer): Folder | undefined {
    const first = this.#addOne(parent, name);
    const waiting = first === undefined ? [] : [first];
    for (let folder = waiting.pop(), count = 1; folder !== undefined; folder = waiting.pop(), count++) {
      for (const below of this.#foldersIn(folder)) {
        const added = folder.folders.has(pathKey(below)) ? undefined : this.#addOne(folder, below);
        if (added !== undefined) waiting.push(added);
      }
      if (count % FOLDERS_PER_PULL === 0) this.#pull();
    }
    return first;
  }

  #addOne(parent: Folder | undefined, name: Buffer): Folder | undefined {
    const path = parent === undefined ? name : childPath(parent, name);
    if (this.#inotify === undefined || this.#excluded.has(pathKey(path))) return undefined;
    const place = joinPath(this.#root, path);
    try {
      // another file system's content is not of this tree
      if (lstatSync(place, { bigint: true }).dev !== this.#identity.dev) return undefined;
      const watch = this.#inotify.watch(place);
      const folder: Folder = { parent, name, watch, folders: new Map() };
      parent?.folders.set(pathKey(name), folder);
      this.#unwatched.delete(pathKey(path));
      this.#byWatch.set(watch, [...(this.#byWatch.get(watch) ?? []), folder]);
      return folder;
    } catch (error) {
      if (codeOf(error) === 'ENOSPC' || codeOf(error) === undefined) throw error;
      if (!hasVanished(error)) this.#unwatched.add(pathKey(path));
      return undefined;
    }
  }

  #foldersIn(folder: Folder): Buffer[] {
    const path = pathOf(folder);
    try {
      const entries = readdirSync(joinPath(this.#root, path), { withFileTypes: true, encoding: 'buffer' });
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      if (!hasVanished(error)) this.#unwatched.add(pathKey(path));
      return [];
    }
  }

  /** A folder is at its place no more: its watches end, unless the folder is known at another place, too. */
  #leave(folder: Folder): void {
    folder.parent?.folders.delete(pathKey(folder.name));
    const waiting = [folder];
    for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
      waiting.push(...each.folders.values());
      const isLast = this.#forgetWatch(each);
      if (isLast) this.#inotify?.unwatch(each.watch);
    }
  }

  #forgetWatch(folder: Folder): boolean {
    const others = (this.#byWatch.get(folder.watch) ?? []).filter((other) => other !== folder);
    if (others.length > 0) this.#byWatch.set(folder.watch, others);
    else this.#byWatch.delete(folder.watch);
    return others.length === 0;
  }

  /** True if there was something to forget. */
  #unmarkUnwatched(path: Buffer): boolean {
    if (this.#unwatched.size === 0) return false;
    const [key, below] = [pathKey(path), `${pathKey(path)}/`];
    const gone = [...this.#unwatched].filter((each) => each === key || each.startsWith(below));
    for (const each of gone) this.#unwatched.delete(each);
    return gone.length > 0;
  }

  #mark(path: Buffer, isWhole: boolean): void {
    this.#dirty.mark(path, isWhole);
    this.#changed.mark(path, isWhole);
  }

  /** Nothing more can be learnt from these watches. */
  #fail(cause: GapCause): void {
    this.close();
    this.#forget(cause);
  }

  #forget(cause: GapCause): void {
    this.#gaps.add(cause);
    this.#dirty.clear();
    this.#changed.clear();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** What has gone meanwhile is told of by the folder above it. */
function hasVanished(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

function causeOf(error: unknown): GapCause {
  const code = codeOf(error);
  if (code === undefined) throw error;
  return code === 'ENOSPC' || code === 'EMFILE' ? 'limit' : 'error';
}

function pathOf(folder: Folder): Buffer {
  const names: Buffer[] = [];
  for (let each: Folder | undefined = folder; each?.parent !== undefined; each = each.parent)
    names.push(each.name);
  const path = names.pop() ?? Buffer.alloc(0);
  return names.reduceRight<Buffer>((above, name) => joinPath(above, name), path);
}

function childPath(folder: Folder, name: Buffer): Buffer {
  return folder.parent === undefined ? name : joinPath(pathOf(folder), name);
}
