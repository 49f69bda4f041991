// A scan that begins while something else is waited for, and is handed to the capture that wants it.
import { setImmediate } from 'node:timers/promises';
import { pathBytes } from './byte-path.ts';
import { InodePages } from './inode-pages.ts';
import { type ScannedInode, type ScanOptions, scanTree } from './scanner.ts';

/** So many are held at the most, some 10 MB; the rest is scanned when the capture comes to it. */
const AHEAD_MAX = 50_000;
const INODES_PER_TURN = 256;

/** Scans until it is asked for what it has. */
export class ScanAhead {
  /** When it began: what changed later is not taken for known. */
  readonly startedAtMs = Date.now();
  readonly #scan: Generator<ScannedInode>;
  readonly #found = new InodePages();
  readonly #mounts: Uint8Array[] = [];
  #isStopped = false;
  #failure: { readonly error: unknown } | undefined;

  /** Begins to scan the tree under `root`. */
  constructor(root: string, options: Pick<ScanOptions, 'isExcluded'>) {
    this.#scan = scanTree(pathBytes(root), { ...options, onMount: (path) => this.#mounts.push(path) });
    void this.#run();
  }

  /** Scans no more by itself. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * All inodes of the tree, those first that were found; can be asked for once. While nobody asks for the next one the scan
   * goes on, until it is stopped. `onMount` is told what a scan tells.
   * @throws DeskPodError SOURCE_UNREADABLE
   */
  *inodes(onMount: (path: Uint8Array) => void): Generator<ScannedInode> {
    for (let inode = this.#next(); inode !== undefined; inode = this.#next()) {
      this.#tellMounts(onMount, inode);
      yield inode;
    }
  }

  #next(): ScannedInode | undefined {
    const found = this.#found.shift();
    if (found !== undefined) return found;
    if (this.#failure !== undefined) throw this.#failure.error;
    const { value, done } = this.#scan.next();
    return done === true ? undefined : value;
  }

  async #run(): Promise<void> {
    try {
      while (this.#found.count < AHEAD_MAX && !this.#isStopped) {
        const { value, done } = this.#scan.next();
        if (done === true) return;
        this.#found.push(value);
        if (this.#found.count % INODES_PER_TURN === 0) await setImmediate();
      }
    } catch (error) {
      // whoever takes the inodes is told when it comes there
      this.#failure = { error };
    }
  }

  #tellMounts(onMount: (path: Uint8Array) => void, { path }: ScannedInode): void {
    if (this.#mounts[0] === undefined || Buffer.compare(this.#mounts[0], path) !== 0) return;
    this.#mounts.shift();
    onMount(path);
  }
}
