// Makes files of one chunk each on threads: many with one order, as most files are short.
import { setImmediate } from 'node:timers';
import { encodePackIndex } from '../../core/pack.ts';
import type { MadeFile } from '../files/content-reader.ts';
import type { Crew } from '../workers/crew.ts';
import { MADE, MADE_UNDESCRIBED } from '../workers/messages.ts';
import { encodeNewFile, type NewFile } from '../workers/new-files.ts';
import type { ChunkLocation } from './chunk-index.ts';
import { RUN_BYTES, runsOf } from './chunk-runs.ts';
import type { OpenPacks } from './open-packs.ts';

/** A longer file is worth an order of its own. */
const FILE_MAX_BYTES = 512 * 1024;
/** So many files are an order at the most, however short they are. */
const FILES_MAX = 128;
/** Orders for each thread at a time: the next one is there when one is done. */
const ORDERS_AHEAD = 2;
/** Below this, threads are not worth starting. */
const THREAD_BYTES = 512 * 1024;

interface Making {
  readonly id: Uint8Array;
  readonly location: ChunkLocation;
  readonly file: NewFile;
  resolve(made: MadeFile): void;
}

/** Files whose chunks lie in one pack. */
interface Batch {
  readonly files: Making[];
  plainBytes: number;
}

/** Collects files until a thread has time for them. */
export class FileMaking {
  readonly #crew: Crew;
  readonly #packs: OpenPacks;
  /** By pack. */
  readonly #open = new Map<string, Batch>();
  /** Those that are long enough, and wait. */
  readonly #full: Batch[] = [];
  #isDispatchDue = false;
  #underWay = 0;
  #number = 0;

  constructor(crew: Crew, packs: OpenPacks) {
    this.#crew = crew;
    this.#packs = packs;
  }

  /** Begins to make a file of the chunk that lies there; undefined if it is too long. */
  add(id: Uint8Array, location: ChunkLocation, file: NewFile): Promise<MadeFile> | undefined {
    const { pack, plainLength } = location;
    if (plainLength > FILE_MAX_BYTES) return undefined;
    const batch = this.#open.get(pack) ?? { files: [], plainBytes: 0 };
    this.#open.set(pack, batch);
    batch.plainBytes += plainLength;
    const made = new Promise<MadeFile>((resolve) => batch.files.push({ id, location, file, resolve }));
    if (batch.plainBytes >= RUN_BYTES || batch.files.length >= FILES_MAX) {
      this.#open.delete(pack);
      this.#full.push(batch);
    }
    if (!this.#isDispatchDue) {
      this.#isDispatchDue = true;
      setImmediate(() => {
        this.#isDispatchDue = false;
        this.#dispatch();
      });
    }
    return made;
  }

  /** Gives out what waits as long as a thread has time; meanwhile it grows. */
  #dispatch(): void {
    if (this.#isLittle()) {
      for (const { files } of this.#open.values()) for (const { resolve } of files) resolve('nothing');
      this.#open.clear();
      return;
    }
    const most = this.#crew.width * ORDERS_AHEAD;
    while (this.#full.length + this.#open.size > 0 && this.#underWay < most) {
      const batch = this.#full.shift() ?? this.#longest();
      if (batch !== undefined) for (const run of runsOf(batch.files)) void this.#make(run);
    }
  }

  /** What is made here after all. */
  #isLittle(): boolean {
    if (this.#crew.isStarted || this.#full.length > 0) return false;
    return [...this.#open.values()].reduce((sum, { plainBytes }) => sum + plainBytes, 0) < THREAD_BYTES;
  }

  #longest(): Batch | undefined {
    let longest: string | undefined;
    let plainBytes = -1;
    for (const [pack, batch] of this.#open) {
      if (batch.plainBytes <= plainBytes) continue;
      longest = pack;
      plainBytes = batch.plainBytes;
    }
    const batch = longest === undefined ? undefined : this.#open.get(longest);
    if (longest !== undefined) this.#open.delete(longest);
    return batch;
  }

  async #make(run: readonly Making[]): Promise<void> {
    const pack = run[0]?.location.pack ?? '';
    const chunks = encodePackIndex(run.map(({ id, location }) => ({ ...location, id })));
    const files = Buffer.concat(run.map(({ file }) => encodeNewFile(file)));
    const number = ++this.#number;
    let made: Uint8Array | undefined;
    this.#underWay++;
    try {
      const answer = await this.#packs.use(pack, (file) =>
        this.#crew.thread().ask({ type: 'make', number, ...file.shared, chunks, files }),
      );
      made = answer.made;
    } catch {
      // what the matter is shows when each of them is made
    }
    this.#underWay--;
    for (const [i, { resolve }] of run.entries()) resolve(outcomeOf(made?.[i]));
    this.#dispatch();
  }
}

function outcomeOf(made: number | undefined): MadeFile {
  if (made === MADE) return 'whole';
  return made === MADE_UNDESCRIBED ? 'content' : 'nothing';
}
