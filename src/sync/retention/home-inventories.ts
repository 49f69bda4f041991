// The inventories of a pod at home: which heads it has received, and what each of them needs.
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { branchHeadName } from '../../core/head.ts';
import type { ReceivedHead } from '../../core/head-retention.ts';
import { decodeInventory, decodeInventoryPage } from '../../core/inventory.ts';
import { hashing } from '../hashing.ts';
import type { HomeFile, HomeFolder } from './home-folder.ts';

/** A page of inventories; those that several of them share are here once. */
export interface PageAtHome {
  readonly path: string;
  /** Paths of the objects that it lists. */
  readonly listed: readonly string[];
}

/** A head that home has received, as its inventory tells it. */
export interface HeadAtHome extends Omit<ReceivedHead, 'isWhole'> {
  /** The path of its inventory. */
  readonly path: string;
  readonly epoch: number;
  readonly pages: readonly PageAtHome[];
  /** The name of its object, if it is of a branch. */
  readonly branchHead: string | undefined;
  /** Why it is not known what it needs. */
  readonly fault: string | undefined;
}

/** Paths of everything that a head needs, pages of its inventory included. */
export function* needsOf({ pages }: HeadAtHome): Generator<string> {
  for (const { path, listed } of pages) {
    yield path;
    yield* listed;
  }
}

/** Reads inventories. */
export class HomeInventories {
  readonly #folder: HomeFolder;
  /** Those that could be read, by path. */
  readonly #pages = new Map<string, PageAtHome>();

  constructor(folder: HomeFolder) {
    this.#folder = folder;
  }

  /** All inventories, in the order of their positions. `headBytes` is the head that home's head file holds. */
  async read(headBytes: Uint8Array): Promise<HeadAtHome[]> {
    const heads: HeadAtHome[] = [];
    // before the inventories: that of a head is there before the head is
    const branchHeads = new Set((await this.#folder.list(['branches'])).map(({ path }) => path));
    for (const file of await this.#folder.list(['inventories']))
      heads.push(await this.#readOne(file, headBytes, branchHeads));
    this.#requireInventories(branchHeads, heads);
    return heads.sort((a, b) => a.seq - b.seq || a.receivedAtMs - b.receivedAtMs);
  }

  /** @throws DeskPodError HOME_DAMAGED for a head of a branch of which nothing says what it needs */
  #requireInventories(branchHeads: ReadonlySet<string>, heads: readonly HeadAtHome[]): void {
    const known = new Set(heads.map(({ branchHead }) => branchHead));
    const unknown = [...branchHeads].find((path) => !known.has(path));
    if (unknown === undefined) return;
    throw new DeskPodError(
      'HOME_DAMAGED',
      `${this.#folder.dir}: ${unknown} has no inventory that can be read`,
      {
        hint:
          'Nothing was deleted. Bring that back from another copy of this home; or, to give this head of a branch up, ' +
          'delete the file.',
        details: { damaged: [unknown] },
      },
    );
  }

  async #readOne(
    { path, atMs }: HomeFile,
    headBytes: Uint8Array,
    branchHeads: ReadonlySet<string>,
  ): Promise<HeadAtHome> {
    const about = { path, seq: Number(/(\d{12})-[0-9a-f]{64}$/.exec(path)?.[1] ?? 0), receivedAtMs: atMs };
    let known: Pick<HeadAtHome, 'epoch' | 'isPresent' | 'branch' | 'branchHead'> = {
      ...{ epoch: 0, isPresent: false, branch: undefined, branchHead: undefined },
    };
    try {
      const inventory = decodeInventory(await this.#folder.read(path));
      const { epoch, seq, deviceId } = inventory.head;
      if (seq !== about.seq)
        throw new DeskPodError('HEAD_DAMAGED', `${path}: expected the position of its head in its name`);
      const isPresent = equalBytes(inventory.headBytes, headBytes);
      const branchHead = `branches/${branchHeadName(inventory.headBytes, hashing)}`;
      const isOfBranch = branchHeads.has(branchHead);
      known = {
        ...{ epoch, isPresent },
        branch: isOfBranch && !isPresent ? toHex(deviceId) : undefined,
        branchHead: isOfBranch ? branchHead : undefined,
      };
      const pages: PageAtHome[] = [];
      for (const name of inventory.pages) pages.push(await this.#readPage(`catalog/${name}`));
      return { ...about, ...known, pages, fault: undefined };
    } catch (error) {
      if (!(error instanceof DeskPodError)) throw error;
      return { ...about, ...known, pages: [], fault: error.message };
    }
  }

  async #readPage(path: string): Promise<PageAtHome> {
    const known = this.#pages.get(path);
    if (known !== undefined) return known;
    const entries = decodeInventoryPage(await this.#folder.read(path));
    const listed = entries.map(({ kind, name }) =>
      kind === 'packs' ? `packs/${name.slice(0, 2)}/${name}.age` : `bases/${name}.erofs`,
    );
    const page = { path, listed };
    this.#pages.set(path, page);
    return page;
  }
}
