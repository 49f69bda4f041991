// The place of a tree: the very folder that was opened, which a mount over it or an unmount takes out of sight.
import { type BigIntStats, statSync } from 'node:fs';
import { DeskPodError } from '../../core/errors.ts';

/** A folder, known by its inode. */
export class SourcePlace {
  readonly #dir: string;
  readonly #opened: BigIntStats;

  constructor(dir: string) {
    this.#dir = dir;
    this.#opened = statSync(dir, { bigint: true });
  }

  /**
   * What the path leads to by now may be an empty mount point, which is no deletion of anything.
   * @throws DeskPodError SOURCE_UNMOUNTED unless the path still leads to the folder
   */
  requireInPlace(): void {
    const now = statSync(this.#dir, { bigint: true, throwIfNoEntry: false });
    if (now?.dev === this.#opened.dev && now.ino === this.#opened.ino) return;
    const found = now === undefined ? 'nothing' : 'another one';
    throw new DeskPodError(
      'SOURCE_UNMOUNTED',
      `${this.#dir}: expected the folder that was opened, got ${found}`,
      {
        hint: 'Something was mounted there or unmounted. Put it back as it was, then open the pod anew.',
        details: { path: this.#dir },
      },
    );
  }
}
