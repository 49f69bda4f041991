// Home's own journal: what happened to each device and what home did for itself, a line of JSON each, added and never changed.
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { tryLock } from '../posix/flock.ts';
import { statusAt } from '../posix/path-status.ts';
import {
  isSystemError,
  makeFolder,
  publish,
  syncFolder,
  writeTemporary,
} from '../repository/durable-file.ts';
import { storageError } from '../storage-failure.ts';
import { keptEntries } from './journal-kept.ts';

/** Where it lies unless the command line says otherwise: not at home, which may be full, read-only or away. */
export const JOURNAL_FILE = '/var/lib/deskpod/dock/journal.ndjson';

/** A line. */
export interface JournalEntry {
  readonly v: 1;
  readonly atMs: number;
  /** Such as `dock.step` or `home.checked`. */
  readonly type: string;
  readonly [field: string]: unknown;
}

const NEWLINE = 10;
/** Thousands of lines: months of a pod that comes home each evening. */
const MOST_BYTES = 2 ** 20;

/**
 * The journal in a file. When that is full it becomes the former one, beside it; of the one that was former until then there stays
 * what is still needed, in a third. So all of it takes little more than twice `mostBytes`.
 */
export class Journal {
  readonly path: string;
  readonly #mostBytes: number;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(path: string, mostBytes = MOST_BYTES) {
    this.path = path;
    this.#mostBytes = mostBytes;
  }

  /** Adds a line; on return it is durable. @throws DeskPodError SPACE_EXHAUSTED, TARGET_WRITE_FAILED */
  async add(type: string, fields: Readonly<Record<string, unknown>>, atMs = Date.now()): Promise<void> {
    const entry: JournalEntry = { v: 1, atMs, type, ...fields };
    const adding = this.#tail.then(() => this.#append(`${JSON.stringify(entry)}\n`));
    this.#tail = adding.catch(() => undefined);
    return adding;
  }

  /** All lines, oldest first. What a power cut left of one is passed over. */
  async read(): Promise<JournalEntry[]> {
    // another process may turn a page meanwhile: what is newer is read first, and so nothing is missed
    const present = await entriesIn(this.path);
    const former = await entriesIn(this.#former);
    const kept = await entriesIn(this.#kept);
    return [...kept, ...former, ...present];
  }

  get #former(): string {
    return `${this.path}.former`;
  }

  get #kept(): string {
    return `${this.path}.kept`;
  }

  async #append(line: string): Promise<void> {
    try {
      const isNew = await makeFolder(dirname(this.path), 0o700);
      const file = await open(this.path, 'a+', 0o600);
      let sizeBytes: number;
      try {
        const { size } = await file.stat();
        const last = Buffer.alloc(1);
        if (size > 0) await file.read(last, 0, 1, size - 1);
        // a line that a power cut left ends here
        await file.appendFile(size > 0 && last[0] !== NEWLINE ? `\n${line}` : line);
        await file.datasync();
        if (isNew || size === 0) await syncFolder(dirname(this.path));
        sizeBytes = size + line.length;
      } finally {
        await file.close();
      }
      if (sizeBytes > this.#mostBytes) await this.#turn();
    } catch (error) {
      throw storageError(error, this.path);
    }
  }

  /** Killed anywhere, it has lost nothing; a line may be there twice then, which says nothing else. */
  async #turn(): Promise<void> {
    const lock = tryLock(`${this.path}.lock`);
    // another process does it
    if (lock === undefined) return;
    try {
      // another process has done it since this one looked
      const present = await statusAt(this.path);
      if (present === undefined || present.size <= this.#mostBytes) return;
      const needed = keptEntries([...(await entriesIn(this.#kept)), ...(await entriesIn(this.#former))]);
      const next = `${this.#kept}.next`;
      await rm(next, { force: true });
      const text = needed.map((entry) => `${JSON.stringify(entry)}\n`).join('');
      await writeTemporary(next, async (file) => {
        await file.chmod(0o600);
        await file.writeFile(text);
      });
      await publish(next, this.#kept);
      // whoever has it open adds to it where it is then
      await rename(this.path, this.#former);
      await syncFolder(dirname(this.path));
    } finally {
      lock.release();
    }
  }
}

async function entriesIn(path: string): Promise<JournalEntry[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw storageError(error, path);
  }
  return text.split('\n').flatMap((line) => entryOf(line) ?? []);
}

function entryOf(line: string): JournalEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<JournalEntry> | null;
    const isOne = entry?.v === 1 && typeof entry.atMs === 'number' && typeof entry.type === 'string';
    return isOne ? (entry as JournalEntry) : undefined;
  } catch {
    return undefined; // of a line that was cut off, as the comment above says
  }
}
