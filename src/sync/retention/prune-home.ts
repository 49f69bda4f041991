// Pruning a home, at home and without any key: heads are forgotten by the time at which home received them.
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { type HeadRetention, judgeHeads } from '../../core/head-retention.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { describePolicy, type KeepReason, requirePolicy } from '../../core/retention.ts';
import { chooseBranchName } from '../pod/branches.ts';
import { lockHolder, tryLock } from '../posix/flock.ts';
import type { HomeFile, HomeFolder } from './home-folder.ts';
import { type HeadAtHome, HomeInventories, needsOf, type PageAtHome } from './home-inventories.ts';

/** What a prune may delete. Segments and keyrings it never does. */
const PRUNED_KINDS = ['packs', 'bases', 'catalog'] as const;

/** A head that home has received, and why it is kept; without a reason it is forgotten. */
export interface KeptHead {
  readonly seq: number;
  readonly epoch: number;
  /** The branch that it is of; absent for home's own history. */
  readonly branch?: string;
  readonly receivedAtMs: number;
  /** Paths of objects that it needs and home lacks. */
  readonly lacks: readonly string[];
  readonly reasons: readonly KeepReason[];
}

/** What a prune of one pod's folder did, or of a dry run would do. */
export interface HomePruneReport {
  readonly podId: string;
  readonly isDryRun: boolean;
  readonly policy: string;
  /** Every one that there was, oldest first. */
  readonly heads: readonly KeptHead[];
  /** How many of them were forgotten. */
  readonly forgottenCount: number;
  readonly removedObjects: number;
  readonly freedBytes: number;
}

/** How a prune of a home is carried out. */
export interface HomePrunePlan extends HeadRetention {
  readonly isDryRun: boolean;
  /** A branch to give up, whatever the policy says: how its name begins. */
  readonly forgottenBranch?: string;
  readonly onProgress: ProgressListener;
}

/**
 * Prunes the folder of one pod. It may be killed at any moment; the next one goes on. Syncs may arrive meanwhile.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing; POD_BUSY; HOME_DAMAGED if it is not known what a head that
 * is to be kept needs, be it because it came without an inventory: nothing is deleted then
 */
export async function pruneHomeFolder(
  folder: HomeFolder,
  podId: string,
  plan: HomePrunePlan,
): Promise<HomePruneReport> {
  if (plan.isDryRun) return new HomePrune(folder, podId, plan).foretell();
  const path = join(folder.dir, '.prune-lock');
  const lock = tryLock(path);
  if (lock === undefined) {
    throw new DeskPodError(
      'POD_BUSY',
      `${folder.dir}: process ${lockHolder(path) ?? 'unknown'} prunes it already`,
      {
        hint: 'Wait until it is done.',
      },
    );
  }
  try {
    return await new HomePrune(folder, podId, plan).run();
  } finally {
    lock.release();
  }
}

/** What is at home, and what a prune makes of it. */
interface Judgement {
  readonly headBytes: Uint8Array;
  readonly heads: readonly KeptHead[];
  /** Paths of inventories. */
  readonly keptPaths: ReadonlySet<string>;
  readonly forgottenPaths: readonly string[];
  /** Paths of the heads of branches that are forgotten. */
  readonly forgottenBranchHeads: readonly string[];
  readonly needed: ReadonlySet<string>;
  readonly unneeded: readonly HomeFile[];
  readonly aside: readonly HomeFile[];
}

/** No sync to this home has ended yet: what lies there may be of one that is under way. */
const NOTHING_THERE: Judgement = {
  ...{ headBytes: new Uint8Array(0), heads: [], keptPaths: new Set(), forgottenPaths: [] },
  forgottenBranchHeads: [],
  ...{ needed: new Set(), unneeded: [], aside: [] },
};

class HomePrune {
  readonly #folder: HomeFolder;
  readonly #podId: string;
  readonly #plan: HomePrunePlan;
  readonly #inventories: HomeInventories;

  constructor(folder: HomeFolder, podId: string, plan: HomePrunePlan) {
    this.#folder = folder;
    this.#podId = podId;
    this.#plan = plan;
    this.#inventories = new HomeInventories(folder);
  }

  async foretell(): Promise<HomePruneReport> {
    const judged = await this.#judge();
    const { needed, aside } = judged;
    return this.#report(judged, [...judged.unneeded, ...aside.filter(({ path }) => !needed.has(path))]);
  }

  async run(): Promise<HomePruneReport> {
    const judged = await this.#judge();
    if (judged === NOTHING_THERE) return this.#report(judged, []);
    // as long as its inventory is there, it is known what a head needs
    await this.#folder.deleteObjects(judged.forgottenBranchHeads);
    await this.#folder.deleteObjects(judged.forgottenPaths);
    for (const [index, { path }] of judged.unneeded.entries()) {
      this.#plan.onProgress({ step: 'putting aside', doneFiles: index, totalFiles: judged.unneeded.length });
      await this.#folder.putAside(path);
    }
    const { graceMs, nowMs } = this.#plan;
    await this.#folder.dropArrivals(nowMs - graceMs);
    return this.#report(judged, await this.#deleteAside(judged));
  }

  async #judge(): Promise<Judgement> {
    const { policy, graceMs, nowMs } = this.#plan;
    requirePolicy(policy);
    // first: what comes meanwhile is beyond it, and stays
    const headBytes = await this.#folder.readHead();
    if (headBytes === undefined) return NOTHING_THERE;
    this.#plan.onProgress({ step: 'reading inventories' });
    const found = await this.#inventories.read(headBytes);
    if (!found.some(({ isPresent }) => isPresent)) throw this.#withoutInventory();
    const objects = await this.#folder.list(PRUNED_KINDS);
    const aside = await this.#folder.listAside();
    const present = new Set([...objects, ...aside].map(({ path }) => path));
    const lacking = new Map<PageAtHome, readonly string[]>();
    const heads = found.map((head) => {
      const lacks = head.pages.flatMap((page) => {
        const known = lacking.get(page) ?? [page.path, ...page.listed].filter((path) => !present.has(path));
        lacking.set(page, known);
        return known;
      });
      return { ...head, lacks, isWhole: head.fault === undefined && lacks.length === 0 };
    });
    const isGivenUp = this.#givenUp(heads);
    const verdicts = judgeHeads(heads, { policy, graceMs, nowMs }).map((reasons, index) =>
      isGivenUp(heads[index]?.branch) ? [] : reasons,
    );
    const isKept = (index: number): boolean => (verdicts[index] ?? []).length > 0;
    const stays = heads.filter((_, index) => isKept(index));
    const forgotten = heads.filter((_, index) => !isKept(index));
    requireKnown(this.#folder, stays);
    const needed = new Set<string>();
    for (const head of stays) for (const path of needsOf(head)) needed.add(path);
    return {
      ...{ headBytes, needed, aside },
      heads: heads.map(({ seq, epoch, receivedAtMs, lacks, branch }, index) => ({
        ...{ seq, epoch, receivedAtMs, lacks },
        ...(branch === undefined ? {} : { branch }),
        reasons: verdicts[index] ?? [],
      })),
      keptPaths: new Set(stays.map(({ path }) => path)),
      forgottenPaths: forgotten.map(({ path }) => path),
      forgottenBranchHeads: forgotten.flatMap(({ branchHead }) => branchHead ?? []),
      unneeded: objects.filter(({ path, atMs }) => !needed.has(path) && atMs < nowMs - graceMs),
    };
  }

  /** Whether a branch is one that the user gives up. @throws DeskPodError BRANCH_NOT_FOUND, USAGE */
  #givenUp(heads: readonly HeadAtHome[]): (branch: string | undefined) => boolean {
    const { forgottenBranch: wanted } = this.#plan;
    if (wanted === undefined) return () => false;
    const names = new Set(heads.flatMap(({ branch }) => branch ?? []));
    const name = chooseBranchName(this.#folder.dir, [...names], wanted);
    return (branch) => branch === name;
  }

  /** What heads need that came since home was looked at is put back; the rest of what lies aside is deleted. */
  async #deleteAside({ headBytes, keptPaths, needed }: Judgement): Promise<HomeFile[]> {
    const fresh = (await this.#inventories.read(headBytes)).filter(({ path }) => !keptPaths.has(path));
    const isUnknown = fresh.some(({ fault }) => fault !== undefined);
    const stillNeeded = new Set(needed);
    for (const head of fresh) for (const path of needsOf(head)) stillNeeded.add(path);
    for (const { path } of await this.#folder.listAside()) {
      if (isUnknown || stillNeeded.has(path)) await this.#folder.putBack(path);
    }
    requireKnown(this.#folder, fresh);
    const deleted = await this.#folder.listAside();
    for (const [index, { path }] of deleted.entries()) {
      this.#plan.onProgress({ step: 'deleting', doneFiles: index, totalFiles: deleted.length });
      await this.#folder.deleteAside(path);
    }
    await this.#folder.closeAside();
    return deleted;
  }

  #report({ heads, forgottenPaths }: Judgement, removed: readonly HomeFile[]): HomePruneReport {
    return {
      podId: this.#podId,
      isDryRun: this.#plan.isDryRun,
      policy: describePolicy(this.#plan.policy),
      heads,
      forgottenCount: forgottenPaths.length,
      removedObjects: removed.length,
      freedBytes: removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
  }

  #withoutInventory(): DeskPodError {
    const text = 'expected an inventory of the head that is there, got none that can be read';
    return new DeskPodError('HOME_DAMAGED', `${this.#folder.dir}: ${text}`, {
      hint: 'Nothing was deleted. Make a checkpoint on the device and sync it: an inventory comes with every new head.',
      details: { podId: this.#podId },
    });
  }
}

function requireKnown(folder: HomeFolder, heads: readonly HeadAtHome[]): void {
  const unknown = heads.find(({ fault }) => fault !== undefined);
  if (unknown === undefined) return;
  throw new DeskPodError('HOME_DAMAGED', `${folder.dir}: ${unknown.fault}`, {
    hint:
      'Nothing that any head may need was deleted. Bring that file back from another copy of this home; ' +
      `or, to give up the head at position ${unknown.seq}, delete its inventory: ${unknown.path}`,
    details: { damaged: [unknown.path] },
  });
}
