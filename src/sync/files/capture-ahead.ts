// A capture that begins while its pod is still being opened: of what is known already there is nothing to write.
import type { ProgressListener } from '../../core/progress.ts';
import type { Root } from '../../core/root.ts';
import type { ChunkIndex } from '../repository/chunk-index.ts';
import { pathKey } from './byte-path.ts';
import { type Capture, type ContentWriter, captureTree, type ReadyWriter } from './capture.ts';
import type { FileIndex } from './file-index.ts';
import { innerMounts } from './inner-mounts.ts';
import { ScanAhead } from './scan-ahead.ts';
import type { ScanOptions } from './scanner.ts';

/** So much of a manifest is held until there is somebody to write it. */
const HELD_MAX_BYTES = 8 * 1024 * 1024;

type KnownChunks = Pick<ChunkIndex, 'has' | 'removals'>;

/** What is known of a tree and its repository, without a key. */
export interface KnownIndexes {
  readonly files: FileIndex;
  readonly chunks: KnownChunks;
}

/** Captures a tree as far as that goes without a writer. Whoever begins it ends it by {@link finish} or {@link stop}. */
export class CaptureAhead {
  readonly #root: string;
  /** As they were before the scan began. */
  readonly #mounts: string | undefined;
  readonly #scan: ScanAhead;
  readonly #abort = new AbortController();
  readonly #given = Promise.withResolvers<ReadyWriter>();
  readonly #capturing: Promise<Capture>;
  #writer: ReadyWriter | undefined;
  #chunks: KnownChunks | undefined;
  #removals = 0;
  #isLacking = false;
  #onProgress: ProgressListener | undefined;

  /** Begins with the tree under `root`, and with what is known as soon as `opening` has it. */
  constructor(root: string, opening: Promise<KnownIndexes>, options: Pick<ScanOptions, 'isExcluded'>) {
    this.#root = root;
    this.#mounts = mountsIn(root);
    this.#scan = new ScanAhead(root, options);
    this.#given.promise.catch(ignoreUntilAwaited);
    this.#capturing = this.#begin(root, opening);
    this.#capturing.catch(ignoreUntilAwaited);
  }

  /**
   * Goes on with a writer. Undefined if chunks that it counted on may be gone, or something was mounted in the tree since it
   * began, or unmounted: then nothing was captured, and the tree is to be captured anew.
   * @throws what `captureTree` throws
   */
  async finish(writer: ReadyWriter, onProgress: ProgressListener | undefined): Promise<Capture | undefined> {
    const removals = this.#chunks?.removals ?? this.#removals;
    if (this.#isLacking || removals !== this.#removals || mountsIn(this.#root) !== this.#mounts) {
      await this.stop();
      return undefined;
    }
    this.#scan.stop();
    this.#onProgress = onProgress;
    this.#writer = writer;
    this.#given.resolve(writer);
    return this.#capturing;
  }

  /** Ends it; on its return it uses nothing any more. */
  async stop(): Promise<void> {
    this.#scan.stop();
    this.#abort.abort();
    this.#given.reject(this.#abort.signal.reason);
    await Promise.allSettled([this.#capturing]);
  }

  async #begin(root: string, opening: Promise<KnownIndexes>): Promise<Capture> {
    const { files, chunks } = await opening;
    this.#chunks = chunks;
    this.#removals = chunks.removals;
    return captureTree(root, this.#awaitedWriter(chunks), {
      index: files,
      ahead: this.#scan,
      signal: this.#abort.signal,
      onProgress: (progress) => this.#onProgress?.(progress),
    });
  }

  #awaitedWriter(chunks: KnownChunks): ContentWriter {
    const given = () => this.#writer;
    return {
      writeFile: async (pieces) => (await this.#given.promise).writeFile(pieces),
      readFile: async (source) => (await this.#given.promise).readFile(source),
      writeRoot: (pieces) => this.#writeRoot(pieces),
      hasChunk: (id) => given()?.hasChunk(id) ?? this.#has(chunks, id),
      get isAwaited() {
        return given() === undefined;
      },
      get newBytes() {
        return given()?.newBytes ?? 0;
      },
    };
  }

  /** The packs may hold what the index lacks: that is known when it was brought up to date. */
  #has(chunks: KnownChunks, id: Uint8Array): boolean {
    const isThere = chunks.has(id);
    this.#isLacking ||= !isThere;
    return isThere;
  }

  async #writeRoot(pieces: AsyncIterable<Uint8Array>): Promise<Root> {
    const iterator = pieces[Symbol.asyncIterator]();
    const held: Uint8Array[] = [];
    let heldBytes = 0;
    try {
      while (this.#writer === undefined && heldBytes < HELD_MAX_BYTES) {
        const { value, done } = await iterator.next();
        if (done === true) break;
        held.push(value);
        heldBytes += value.length;
      }
      const writer = await this.#given.promise;
      return await writer.writeRoot(joined(held, iterator));
    } finally {
      await iterator.return?.();
    }
  }
}

async function* joined(
  held: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* held;
  yield* { [Symbol.asyncIterator]: () => rest };
}

/** What is mounted in a tree; undefined if it is not there, which the scan tells. */
function mountsIn(root: string): string | undefined {
  try {
    return innerMounts(root).map(pathKey).join('\0');
  } catch {
    return undefined;
  }
}

function ignoreUntilAwaited(): void {
  // whoever finishes or stops it awaits it
}
