// Reading ahead: what has changed is stored before a checkpoint is asked for, so that it has little left to do.
import type { DirtyPath } from '../../core/dirty-paths.ts';
import { isDeskPodError } from '../../core/errors.ts';
import { PatchMismatch } from '../../core/manifest-patch.ts';
import { pathKey } from '../files/byte-path.ts';
import type { Pod } from '../pod/pod.ts';
import { writerInto } from '../pod/seal-checkpoint.ts';
import { type LookOptions, lookAt } from './look-at.ts';
import { captureAhead } from './patch-capture.ts';

/** Less is read as fast when the checkpoint comes, and would only make small packs. */
const AHEAD_MIN_BYTES = 4 * 1024 * 1024;

/** Stores files that have changed; what it does not come to, the checkpoint reads. */
export class ReadAhead {
  readonly #pod: Pod;
  readonly #root: Uint8Array;
  readonly #isExcluded: LookOptions['isExcluded'];
  #waiting: DirtyPath[] = [];

  constructor(pod: Pod, root: Uint8Array, isExcluded: LookOptions['isExcluded']) {
    this.#pod = pod;
    this.#root = root;
    this.#isExcluded = isExcluded;
  }

  /**
   * Takes paths that are left alone now, and stores the files there if there is enough of them. True if it has.
   * @throws SPACE_EXHAUSTED; the reason of `signal`; nothing that was written counts then
   */
  async take(paths: readonly DirtyPath[], signal: AbortSignal): Promise<boolean> {
    this.#waiting.push(...paths);
    const atMs = Date.now();
    const found = this.#files();
    const sizeBytes = found.reduce((sum, { entry }) => sum + entry.sizeBytes, 0);
    if (sizeBytes < AHEAD_MIN_BYTES) return false;
    this.#waiting = [];
    const { content, projections } = this.#pod;
    const run = await projections.files.beginPart(atMs);
    try {
      const work = { root: this.#root, writer: writerInto(content, 'data'), run, signal };
      const readFiles = await captureAhead(found, work);
      await content.flush();
      await run.settle();
      return readFiles > 0;
    } catch (error) {
      content.discard();
      // something is on the move: the checkpoint sees to it
      if (error instanceof PatchMismatch || isDeskPodError(error, 'SOURCE_UNREADABLE')) return false;
      throw error;
    }
  }

  /** Forgets what waits: a checkpoint has read it. */
  clear(): void {
    this.#waiting = [];
  }

  #files() {
    const parts = this.#waiting.flatMap((dirty) => {
      try {
        return lookAt(this.#root, [dirty], { isExcluded: this.#isExcluded, onMount: () => undefined }) ?? [];
      } catch (error) {
        if (isDeskPodError(error, 'SOURCE_UNREADABLE')) return []; // the checkpoint tells
        throw error;
      }
    });
    const files = parts.flatMap(({ found }) => found).filter(({ entry }) => entry.kind === 'file');
    return [...new Map(files.map((file) => [pathKey(file.entry.path), file])).values()];
  }
}
