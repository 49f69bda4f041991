// Home's own journal: what happened to each device and what home did for itself, a line of JSON each, added and never changed.
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError, syncFolder } from '../repository/durable-file.ts';
import { storageError } from '../storage-failure.ts';

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

/** The journal in a file. */
export class Journal {
  readonly path: string;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
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
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return [];
      throw storageError(error, this.path);
    }
    return text.split('\n').flatMap((line) => entryOf(line) ?? []);
  }

  async #append(line: string): Promise<void> {
    try {
      const isNew = (await mkdir(dirname(this.path), { recursive: true, mode: 0o700 })) !== undefined;
      const file = await open(this.path, 'a+', 0o600);
      try {
        const { size } = await file.stat();
        const last = Buffer.alloc(1);
        if (size > 0) await file.read(last, 0, 1, size - 1);
        // a line that a power cut left ends here
        await file.appendFile(size > 0 && last[0] !== NEWLINE ? `\n${line}` : line);
        await file.datasync();
        if (isNew || size === 0) await syncFolder(dirname(this.path));
      } finally {
        await file.close();
      }
    } catch (error) {
      throw storageError(error, this.path);
    }
  }
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
