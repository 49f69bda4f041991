// A result that is a list of any length: lines for people, one JSON object for machines, written as it comes.
import { once } from 'node:events';
import { describeFailure } from './output.ts';
import { printable } from './printable.ts';

/** How a list is printed. */
export interface ListStyle<Item> {
  /** The name of the list in the JSON object. */
  readonly name: string;
  readonly isMachine: boolean;
  /** Under --ndjson each item is a line of its own. */
  readonly isLines: boolean;
  describe(item: Item): string;
}

/**
 * Prints a list while it comes, no faster than it is read, so that a million items need no more memory than one. With
 * --json all of it is one object all the same: the list, then what the command answers, or its `error`.
 */
export class ResultList<Item> {
  readonly #style: ListStyle<Item>;
  #count = 0;

  constructor(style: ListStyle<Item>) {
    this.#style = style;
  }

  /** Prints an item; settles when stdout takes more. */
  async add(item: Item): Promise<void> {
    const { isMachine, isLines, name, describe } = this.#style;
    this.#count++;
    if (!isMachine) return write(`${describe(item)}\n`);
    const json = printable(JSON.stringify(item));
    if (isLines) return write(`${printable(JSON.stringify({ type: 'item', [name]: item }))}\n`);
    return write(`${this.#count === 1 ? `{${JSON.stringify(name)}:[` : ','}${json}`);
  }

  /** Prints the end. `text` is for people; empty for none. */
  async end(answer: object, text: string): Promise<void> {
    const { isMachine, isLines } = this.#style;
    if (!isMachine) return text === '' ? undefined : write(`${text}\n`);
    if (isLines) return write(`${printable(JSON.stringify({ type: 'result', ...answer }))}\n`);
    const rest = printable(JSON.stringify(answer)).slice(1);
    await write(`${this.#open()}]${rest === '}' ? '' : ','}${rest}\n`);
  }

  /** Ends the object of a list that failed. False if nothing of it was printed yet. */
  async fail(error: unknown): Promise<boolean> {
    const { isMachine, isLines } = this.#style;
    if (!isMachine || isLines || this.#count === 0) return false;
    await this.end({ error: { type: 'error', ...describeFailure(error) } }, '');
    return true;
  }

  #open(): string {
    return this.#count === 0 ? `{${JSON.stringify(this.#style.name)}:[` : '';
  }
}

/** Writes to stdout; settles when it takes more. */
export async function write(bytes: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
}
