// Pruning a device: checkpoints are forgotten, then packs exchanged round by round. What is in force is never deleted.
import { judgeCheckpoints } from '../../core/checkpoint-retention.ts';
import { gearTable } from '../../core/chunker.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { PackEntry } from '../../core/pack.ts';
import { type PackPlan, planPacks } from '../../core/pack-plan.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { describePolicy } from '../../core/retention.ts';
import { recipientOf } from '../age/age.ts';
import { hashing } from '../hashing.ts';
import { workWidth } from '../medium/work-width.ts';
import type { Pod } from '../pod/pod.ts';
import { Crew } from '../workers/crew.ts';
import { markNeeded } from './needed-chunks.ts';
import { type CopySource, PackCopy, provePack } from './pack-copy.ts';
import { PackSurvey } from './pack-survey.ts';
import type { PruneReport, PruneRequest } from './prune-report.ts';

/** What is copied before the log says so and what it was copied from goes: more would take more room on a full drive. */
const ROUND_BYTES = 128 * 1024 * 1024;
/** Names in one event stay far below what a record holds. */
const ROUND_PACKS = 10_000;

/**
 * Forgets the checkpoints that the policy does not keep, and removes packs that the others do not need. Nothing else may
 * happen to the pod meanwhile but reading. It may be killed, or fail, at any moment: every kept checkpoint is whole, and
 * the next prune goes on.
 *
 * @throws DeskPodError USAGE for a policy that keeps nothing; CHUNK_MISSING, CHUNK_DAMAGED, MANIFEST_DAMAGED, OBJECT_* if
 * a checkpoint that is to be kept is not whole: nothing is forgotten and nothing deleted then; CANCELLED if `signal`
 * aborts before anything was done, later the report says so; SPACE_EXHAUSTED
 */
export async function pruneDevice(
  pod: Pod,
  request: PruneRequest,
  onProgress: ProgressListener,
  signal?: AbortSignal,
): Promise<PruneReport> {
  const judged = judgeCheckpoints(pod.state, request.policy, Date.now());
  const forgotten = judged
    .filter(({ reasons }) => reasons.length === 0)
    .map(({ checkpoint }) => checkpoint.number);
  const policy = describePolicy(request.policy);
  const { isDryRun, maxUnused } = request;
  const figures = await giveUpCheckpoints(
    pod,
    { forgotten, policy, isDryRun, maxUnused },
    onProgress,
    signal,
  );
  const checkpoints = judged.map(({ checkpoint: { number, atMs }, reasons }) => ({ number, atMs, reasons }));
  return { isDryRun, policy, checkpoints, forgotten, ...figures };
}

/** Which checkpoints are given up. */
export interface GiveUpRequest extends Omit<PruneRequest, 'policy'> {
  /** Their numbers: none that the pod needs. */
  readonly forgotten: readonly number[];
  /** Why, in words that the log keeps. */
  readonly policy: string;
}

/**
 * Like {@link pruneDevice}, for checkpoints that were chosen already.
 *
 * @throws DeskPodError as {@link pruneDevice}, but for USAGE
 */
export async function giveUpCheckpoints(
  pod: Pod,
  { forgotten, policy, isDryRun, maxUnused }: GiveUpRequest,
  onProgress: ProgressListener,
  signal?: AbortSignal,
): Promise<PruneFigures> {
  const isForgotten = new Set(forgotten);
  const kept = pod.state.checkpoints.filter(({ number }) => !isForgotten.has(number));
  // without a checkpoint nothing is needed, and what lies there is a first capture that was interrupted
  if (kept.length === 0) return NOTHING_DONE;
  const inForce = [...packsInForce(pod.state.packs).keys()];
  const isInForce = new Set(inForce);
  const present = await pod.repository.listObjects('packs');
  const names = [...inForce, ...present.filter((name) => !isInForce.has(name))];
  const { chunkIdKey, chunkerKey } = pod.secrets;
  const setUp = { chunkIdKey, table: gearTable(hashing, chunkerKey) };
  const crew = new Crew(setUp, workWidth(pod.repository.dir).workers);
  try {
    const source = await copySourceOf(pod, crew);
    const survey = await look(signal, async () => {
      const needed = await markNeeded(pod.content, kept, onProgress, signal);
      return PackSurvey.take(source, names, needed, onProgress, signal);
    });
    const plan = planPacks(survey.uses, maxUnused);
    if (isDryRun) return await foretell(pod, survey, plan);
    if (forgotten.length > 0) await pod.append({ type: 'forgetCheckpoints', numbers: forgotten, policy });
    const prune = new Prune(pod, survey, source, onProgress, signal);
    await prune.drop(plan.dropped);
    await prune.deleteLeftovers();
    await prune.repack(plan.repacked);
    await pod.publish();
    return prune.figures(plan);
  } finally {
    await crew.end();
  }
}

/** Whatever only looks stops at once when it is asked to. */
async function look<T>(signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (signal?.aborted !== true || cause !== signal.reason) throw cause;
    throw new DeskPodError('CANCELLED', `the prune was stopped, as ${signal.reason} was asked for`, {
      hint: 'Nothing was forgotten and nothing deleted. Run it again.',
      cause,
    });
  }
}

/** What a prune did to packs, or would do. */
export type PruneFigures = Omit<PruneReport, 'isDryRun' | 'policy' | 'checkpoints' | 'forgotten'>;

const NOTHING_DONE: PruneFigures = {
  droppedPacks: 0,
  repackedPacks: 0,
  addedPacks: 0,
  freedBytes: 0,
  leftUnusedBytes: 0,
  damagedPacks: [],
};

async function copySourceOf({ repository, projections, secrets }: Pod, crew: Crew): Promise<CopySource> {
  const { identity } = secrets;
  return { repository, index: projections.chunks, identity, recipient: await recipientOf(identity), crew };
}

async function foretell({ repository }: Pod, survey: PackSurvey, plan: PackPlan): Promise<PruneFigures> {
  let freedBytes = 0;
  for (const name of [...plan.dropped, ...(await repository.listRemovedPacks())])
    freedBytes += await repository.objectSize('packs', name);
  const repacked = new Set(plan.repacked);
  for (const { name, unusedBytes } of survey.uses) if (repacked.has(name)) freedBytes += unusedBytes;
  return {
    ...NOTHING_DONE,
    droppedPacks: plan.dropped.length,
    repackedPacks: plan.repacked.length,
    freedBytes,
    leftUnusedBytes: plan.leftUnusedBytes,
    damagedPacks: [...survey.damaged],
  };
}

class Prune {
  readonly #pod: Pod;
  readonly #survey: PackSurvey;
  readonly #source: CopySource;
  readonly #onProgress: ProgressListener;
  readonly #signal: AbortSignal | undefined;
  /** Packs whose needed chunks lie in new ones, where they were proven. */
  readonly #replaced = new Set<string>();
  #dropped = 0;
  #repacked = 0;
  #added = 0;
  #freedBytes = 0;

  constructor(
    pod: Pod,
    survey: PackSurvey,
    source: CopySource,
    onProgress: ProgressListener,
    signal: AbortSignal | undefined,
  ) {
    this.#signal = signal;
    this.#pod = pod;
    this.#survey = survey;
    this.#source = source;
    this.#onProgress = onProgress;
  }

  figures({ repacked, leftUnusedBytes }: PackPlan): PruneFigures {
    const left = new Set(repacked.filter((name) => !this.#replaced.has(name)));
    const leftBytes = this.#survey.uses.reduce(
      (sum, { name, unusedBytes }) => sum + (left.has(name) ? unusedBytes : 0),
      leftUnusedBytes,
    );
    return {
      droppedPacks: this.#dropped,
      repackedPacks: this.#repacked,
      addedPacks: this.#added,
      freedBytes: this.#freedBytes,
      leftUnusedBytes: leftBytes,
      damagedPacks: [...this.#survey.damaged],
      ...(this.#isStopped ? { stoppedFor: String(this.#signal?.reason) } : {}),
    };
  }

  get #isStopped(): boolean {
    return this.#signal?.aborted === true;
  }

  /** Removes packs that hold nothing needed, and names those that are needed and that nothing has named. */
  async drop(packs: readonly string[]): Promise<void> {
    for (let from = 0; from === 0 || from < packs.length; from += ROUND_PACKS) {
      this.#onProgress({ step: 'removing packs', doneFiles: from, totalFiles: packs.length });
      const removed = packs.slice(from, from + ROUND_PACKS);
      await this.#exchange([], removed);
      this.#dropped += removed.length;
    }
  }

  /** Deletes the files of packs that an earlier prune removed and did not come to delete. */
  async deleteLeftovers(): Promise<void> {
    const { repository } = this.#pod;
    const leftovers = await repository.listRemovedPacks();
    if (leftovers.length === 0) return;
    await this.#pod.publish();
    this.#freedBytes += await repository.deleteRemovedPacks(leftovers);
  }

  /** Copies what is needed of packs to new ones, and removes them; when it is asked to stop, those that it has begun. */
  async repack(packs: readonly string[]): Promise<void> {
    let round: string[] = [];
    let roundBytes = 0;
    for (const [index, name] of packs.entries()) {
      if (this.#isStopped) return;
      round.push(name);
      roundBytes += this.#survey.usedBytes(name);
      const isFull = roundBytes >= ROUND_BYTES || round.length === ROUND_PACKS;
      if (!isFull && index < packs.length - 1) continue;
      this.#onProgress({ step: 'copying what is needed', doneFiles: index, totalFiles: packs.length });
      await this.#repackRound(round);
      round = [];
      roundBytes = 0;
    }
  }

  /** What a pack holds that is needed, proven; undefined if some of it is damaged. */
  async #proveNeeded(name: string | undefined): Promise<readonly PackEntry[] | undefined> {
    if (name === undefined) return [];
    const entries = await this.#survey.heldBy(name);
    const { damaged } = await provePack(this.#source, name, entries);
    return damaged.length === 0 ? entries : undefined;
  }

  async #repackRound(packs: readonly string[]): Promise<void> {
    const { needed } = this.#survey;
    const copy = new PackCopy(this.#source);
    const removed: string[] = [];
    let proving = this.#proveNeeded(packs[0]);
    for (const [index, name] of packs.entries()) {
      const entries = await proving;
      if (this.#isStopped) break;
      // while this one is copied
      proving = this.#proveNeeded(packs[index + 1]);
      proving.catch(() => undefined);
      if (entries === undefined) {
        this.#survey.damaged.add(name);
        continue;
      }
      await copy.take(name, entries, (id) => needed.valueAt(needed.placeOf(id) ?? needed.size));
      removed.push(name);
    }
    const stored = await copy.flush();
    const added = stored.map(({ name }) => name);
    await this.#exchange(added, removed);
    for (const name of removed) this.#replaced.add(name);
    this.#repacked += removed.length;
    this.#added += added.length;
    this.#freedBytes -= stored.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /**
   * Puts packs in the place of others: the log says so, the repository's head says so, and then files are deleted. Packs
   * that are needed and that nothing has named so far are named with them.
   */
  async #exchange(copies: readonly string[], removed: readonly string[]): Promise<void> {
    const { state, repository, content } = this.#pod;
    const inForce = packsInForce(state.packs);
    const isRemoved = new Set(removed);
    const unnamed = this.#survey.uses.flatMap(({ name, usedBytes }) =>
      usedBytes > 0 && !inForce.has(name) && !isRemoved.has(name) && !this.#replaced.has(name) ? [name] : [],
    );
    const added = [...copies, ...unnamed];
    if (added.length === 0 && removed.length === 0) return;
    const holders = new Set<string>();
    for (const name of removed)
      for (const holder of (await this.#survey.heldElsewhere(name)).keys()) holders.add(holder);
    const kept = [...holders].filter((name) => !isRemoved.has(name) && !this.#replaced.has(name));
    await this.#pod.append({ type: 'prunePacks', added, removed });
    await this.#publish(added.length === 0);
    await content.forgetPacks(removed, kept);
    this.#freedBytes += await repository.deleteRemovedPacks(removed);
  }

  /**
   * Moves the repository's head to the log's end. On a full drive there may be no room for that; where only packs go that
   * hold nothing needed, the checkpoints that stay are whole by the former head, too, and deleting makes the room.
   */
  async #publish(isWithoutCopies: boolean): Promise<void> {
    try {
      await this.#pod.publish();
    } catch (error) {
      if (!isWithoutCopies || !isDeskPodError(error, 'SPACE_EXHAUSTED')) throw error;
      this.#onProgress({ step: 'the drive is full: removing first' });
    }
  }
}
