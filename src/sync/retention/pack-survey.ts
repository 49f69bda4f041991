// What of each pack is needed, and which pack holds a chunk that lies in several. Read from the packs themselves.
import { toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { MarkedChunks } from '../../core/marked-chunks.ts';
import { PACK_INDEX_ENTRY_BYTES, type PackEntry } from '../../core/pack.ts';
import type { PackUse } from '../../core/pack-plan.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { describeUnread, readEntries } from '../repository/chunk-index-refresh.ts';
import type { Repository } from '../repository/repository.ts';
import type { Crew } from '../workers/crew.ts';
import { provePack } from './pack-copy.ts';

/** What a survey needs. */
export interface SurveySource {
  readonly repository: Repository;
  /** The pod's. */
  readonly identity: string;
  readonly crew: Crew;
}

const NOBODY = -1;

/** The packs of a repository, and who holds what is needed. */
export class PackSurvey {
  readonly needed: MarkedChunks;
  /** Packs whose index or some of whose needed chunks could not be read, or whose file is missing. */
  readonly damaged = new Set<string>();
  readonly #source: SurveySource;
  readonly #names: readonly string[];
  /** By the place of a needed chunk: the number of the pack that holds it. */
  readonly #holders: Int32Array;
  /** By the place of a needed chunk: 1 if it lies in several packs, 2 once it is decided which of them holds it. */
  readonly #shared: Uint8Array;
  readonly #uses = new Map<string, PackUse>();

  private constructor(source: SurveySource, names: readonly string[], needed: MarkedChunks) {
    this.#source = source;
    this.#names = names;
    this.needed = needed;
    this.#holders = new Int32Array(needed.size).fill(NOBODY);
    this.#shared = new Uint8Array(needed.size);
  }

  /**
   * Reads the indexes of all packs. Of a chunk that lies in several, a copy that was read and proven is the one that
   * holds it.
   *
   * @throws DeskPodError CHUNK_MISSING if a needed chunk lies in none of them; the reason of `signal`
   */
  static async take(
    source: SurveySource,
    names: readonly string[],
    needed: MarkedChunks,
    onProgress: ProgressListener,
    signal?: AbortSignal,
  ): Promise<PackSurvey> {
    const survey = new PackSurvey(source, names, needed);
    await survey.#readAll(onProgress, signal);
    survey.#requireAll();
    return survey;
  }

  /** How much of each readable pack is needed there. */
  get uses(): PackUse[] {
    return [...this.#uses.values()];
  }

  /** Bytes of a pack that are needed there. */
  usedBytes(name: string): number {
    return this.#uses.get(name)?.usedBytes ?? 0;
  }

  /** The chunks of a pack that it holds for the checkpoints, in its own order. */
  async heldBy(name: string): Promise<PackEntry[]> {
    const taken = new Set<number>();
    return (await this.#entries(name)).filter(({ id }) => {
      const place = this.needed.placeOf(id);
      if (place === undefined || taken.has(place) || this.#names[this.#holders[place] ?? NOBODY] !== name)
        return false;
      taken.add(place);
      return true;
    });
  }

  /** The needed chunks of a pack that another one holds, by the name of that other one. */
  async heldElsewhere(name: string): Promise<Map<string, Uint8Array[]>> {
    const elsewhere = new Map<string, Uint8Array[]>();
    for (const { id } of await this.#entries(name)) {
      const place = this.needed.placeOf(id);
      const holder = place === undefined ? undefined : this.#names[this.#holders[place] ?? NOBODY];
      if (holder === undefined || holder === name) continue;
      elsewhere.set(holder, [...(elsewhere.get(holder) ?? []), new Uint8Array(id)]);
    }
    return elsewhere;
  }

  async #readAll(onProgress: ProgressListener, signal: AbortSignal | undefined): Promise<void> {
    const sharing = new Set<number>();
    const wholes = new Map<number, PackUse>();
    for (const [number, name] of this.#names.entries()) {
      signal?.throwIfAborted();
      onProgress({ step: 'reading packs', doneFiles: number, totalFiles: this.#names.length });
      const entries = await this.#readable(name);
      if (entries === undefined) continue;
      let [usedBytes, unusedBytes] = [0, 0];
      const seen = new Set<number>();
      for (const entry of entries) {
        const place = this.needed.placeOf(entry.id);
        if (place === undefined || seen.has(place)) {
          unusedBytes += costOf(entry);
          continue;
        }
        seen.add(place);
        usedBytes += costOf(entry);
        const holder = this.#holders[place] ?? NOBODY;
        if (holder === NOBODY) this.#holders[place] = number;
        else {
          this.#shared[place] = 1;
          sharing.add(holder).add(number);
        }
      }
      wholes.set(number, { name, usedBytes, unusedBytes });
      this.#uses.set(name, { name, usedBytes, unusedBytes });
    }
    await this.#share([...sharing].flatMap((number) => wholes.get(number) ?? []));
  }

  /**
   * Chunks in several packs go to the one with the least waste in which they are whole: copies that an interrupted prune
   * made have none. If they are whole in none of them, whoever had them first keeps them.
   */
  async #share(packs: PackUse[]): Promise<void> {
    const wasteOf = ({ usedBytes, unusedBytes }: PackUse): number => unusedBytes / (usedBytes + unusedBytes);
    const numbers = new Map(this.#names.map((name, number) => [name, number]));
    for (const { name } of packs.sort((a, b) => wasteOf(a) - wasteOf(b) || (a.name < b.name ? -1 : 1))) {
      const number = numbers.get(name) ?? NOBODY;
      let [usedBytes, unusedBytes] = [0, 0];
      const seen = new Set<number>();
      const entries = await this.#entries(name);
      const isDamaged = await this.#findDamaged(name, entries);
      for (const entry of entries) {
        const place = this.needed.placeOf(entry.id);
        if (place !== undefined && this.#shared[place] === 1 && !isDamaged.has(place)) {
          this.#shared[place] = 2;
          this.#holders[place] = number;
        }
        if (place !== undefined && this.#holders[place] === number && !seen.has(place)) {
          seen.add(place);
          usedBytes += costOf(entry);
        } else unusedBytes += costOf(entry);
      }
      this.#uses.set(name, { name, usedBytes, unusedBytes });
    }
  }

  /** The places of those chunks of a pack that nobody holds for certain yet, and that it does not have whole. */
  async #findDamaged(name: string, entries: readonly PackEntry[]): Promise<Set<number>> {
    const wanted = entries.filter(({ id }) => this.#shared[this.needed.placeOf(id) ?? NOBODY] === 1);
    if (wanted.length === 0) return new Set();
    const { damaged } = await provePack(this.#source, name, wanted);
    if (damaged.length > 0) this.damaged.add(name);
    return new Set(damaged.flatMap(({ id }) => this.needed.placeOf(id) ?? []));
  }

  #requireAll(): void {
    const missing = this.#holders.indexOf(NOBODY);
    if (missing === -1) return;
    const count = this.#holders.reduce((sum, holder) => sum + (holder === NOBODY ? 1 : 0), 0);
    const id = toHex(this.needed.idAt(missing));
    throw new DeskPodError(
      'CHUNK_MISSING',
      `chunk ${id}: expected a pack that holds it, got none (${count} of ${this.#holders.length} that are needed)` +
        describeUnread([...this.damaged]),
      {
        hint: 'Nothing was deleted. Run `deskpod verify` first: what is damaged can come back from home.',
        details: { id, count, damagedPacks: [...this.damaged] },
      },
    );
  }

  async #readable(name: string): Promise<PackEntry[] | undefined> {
    try {
      return await this.#entries(name);
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      this.damaged.add(name);
      return undefined;
    }
  }

  #entries(name: string): Promise<PackEntry[]> {
    return readEntries(this.#source.repository, name, this.#source.identity);
  }
}

/** What a chunk takes in a pack. */
function costOf({ storedLength }: PackEntry): number {
  return storedLength + PACK_INDEX_ENTRY_BYTES;
}
