// What a capture has found and not put into the manifest yet: first in, first out, and how much of it waits to be read.

/** Array.prototype.shift moves all that stay, once there are many. */
const SHIFTED_TOGETHER = 1024;

/** Items in order, of which some are `told` only later. */
export class CaptureQueue<Item extends { readonly told: unknown }> {
  #items: Item[] = [];
  /** Those before it were taken. */
  #start = 0;
  /** How many of them wait for what a promise will tell. */
  waitingCount = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  get first(): Item | undefined {
    return this.#items[this.#start];
  }

  push(item: Item): void {
    this.#items.push(item);
    if (item.told instanceof Promise) this.waitingCount++;
  }

  /** Takes the first. */
  shift(): Item | undefined {
    const item = this.first;
    if (item === undefined) return undefined;
    if (item.told instanceof Promise) this.waitingCount--;
    if (++this.#start < SHIFTED_TOGETHER) return item;
    this.#items = this.#items.slice(this.#start);
    this.#start = 0;
    return item;
  }

  /** What all of them tell, sooner or later. */
  told(): unknown[] {
    return this.#items.slice(this.#start).map(({ told }) => told);
  }
}
