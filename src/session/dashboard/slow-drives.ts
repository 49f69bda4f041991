// Asking drives what is on them, with patience for none: one that does not answer hinders no other, and is asked once.
import { DEVICE_LABEL } from '../device/device-format.ts';
import { readSuperblock } from '../device/ext4.ts';
import { mediumStamp } from '../device/medium-stamp.ts';
import { endsWithin } from '../host/deadline.ts';

const ANSWER_TIMEOUT_MS = 2000;

/** The drives of this computer. What is on one is asked once: asking all the time would keep it from resting. */
export class SlowDrives {
  /** Those that have not answered yet. */
  readonly #silent = new Set<string>();
  /** What each said, by its path and all that tells one drive from the next at the same path. */
  readonly #labelled = new Map<string, boolean>();

  /** All are asked again the next time: somebody may have formatted one. */
  forget(): void {
    this.#labelled.clear();
  }

  /**
   * Lets `look` look at the drive at `path`; its argument says whether the drive has a label of ours.
   * @returns undefined also if it does not answer in time, or still has not answered an earlier one; what `look` throws
   */
  async ask<Found>(
    path: string,
    look: (hasLabel: () => Promise<boolean>) => Promise<Found>,
  ): Promise<Found | undefined> {
    if (this.#silent.has(path)) return undefined;
    this.#silent.add(path);
    let found: Found | undefined;
    const asked = look(() => this.#isLabelled(path))
      .then((answer) => {
        found = answer;
      })
      .finally(() => this.#silent.delete(path));
    await endsWithin(asked, ANSWER_TIMEOUT_MS);
    return found;
  }

  async #isLabelled(path: string): Promise<boolean> {
    const name = path.slice('/dev/'.length).replaceAll('/', '!');
    const stamp = await mediumStamp(`/sys/class/block/${name}`);
    // another may be at that path the next time
    if (stamp === undefined) return isLabelled(path);
    const key = `${path} ${stamp}`;
    const known = this.#labelled.get(key);
    if (known !== undefined) return known;
    const isOurs = await isLabelled(path);
    this.#labelled.set(key, isOurs);
    return isOurs;
  }
}

/** False for what is no ext4 of ours, and for what cannot be read: a reader without a card in it. */
async function isLabelled(path: string): Promise<boolean> {
  try {
    return (await readSuperblock(path))?.label === DEVICE_LABEL;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return false;
  }
}
