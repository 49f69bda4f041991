// Verifying the repository of a device, and healing it: what is there, what is whole, and what is lost.
import { join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import { gearTable } from '../../core/chunker.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { PackEntry } from '../../core/pack.ts';
import { oldestFirst, takeShare } from '../../core/reading-order.ts';
import { hashing } from '../hashing.ts';
import { workWidth } from '../medium/work-width.ts';
import type { Pod } from '../pod/pod.ts';
import { readEntries, refreshChunkIndex } from '../repository/chunk-index-refresh.ts';
import { OBJECT_KINDS } from '../repository/repository.ts';
import { Crew } from '../workers/crew.ts';
import { type DamagedObject, isDamage, type ObjectId, objectLabel } from './damage.ts';
import { giveUpPacks } from './give-up.ts';
import { type Healed, type HealFailure, healDevice } from './heal-device.ts';
import { walkByIndex } from './indexed-walk.ts';
import { KnownChunks } from './known-chunks.ts';
import { type LostTree, nameLosses, treesOf } from './losses.ts';
import { ManifestWalk } from './manifest-walk.ts';
import { neededBases, neededPacks } from './needed-objects.ts';
import { findObject, readObjectFully } from './object-check.ts';
import { type CheckedPack, checkPack } from './pack-check.ts';
import { recordVerify } from './record-verify.ts';
import { resealSegments } from './reseal.ts';
import { followChain, surveySegments } from './segment-chain.ts';
import { VerifiedTimes } from './verified-times.ts';
import { type FoundDamage, isLeft, type VerifyPlan, type VerifyReport } from './verify-report.ts';

/** A manifest may need a pack that only reading it showed to be damaged; healing it may show the next one. */
const ROUNDS_MAX = 8;

/** A pack or base with what the order of reading depends on. */
interface Item extends ObjectId {
  readonly sizeBytes: number;
  readonly verifiedAtMs: number;
}

/**
 * Verifies the repository on the device. Damage is a part of the answer; what is thrown is about this host. The log gets
 * an event of each object that was healed and one of the run.
 */
export async function verifyDevice(pod: Pod, plan: VerifyPlan): Promise<VerifyReport> {
  const { chunkIdKey, chunkerKey } = pod.secrets;
  const times = await VerifiedTimes.open(join(pod.folder.projectionsDir, 'verified'));
  const { workers, lanes } = workWidth(pod.repository.dir);
  const crew = new Crew({ chunkIdKey, table: gearTable(hashing, chunkerKey) }, workers);
  try {
    return await new DeviceVerify(pod, plan, { times, crew, lanes }).run();
  } finally {
    await crew.end();
    await times.close();
  }
}

class DeviceVerify {
  readonly #pod: Pod;
  readonly #plan: VerifyPlan;
  readonly #times: VerifiedTimes;
  readonly #crew: Crew;
  readonly #lanes: number;
  readonly #startedMs = performance.now();
  /** Of the damaged packs, the chunks that are whole nevertheless. */
  readonly #wholeChunks = new Map<string, readonly PackEntry[]>();
  readonly #damage = new Map<string, FoundDamage>();
  readonly #faults: string[] = [];
  readonly #failures: HealFailure[] = [];
  readonly #corrected = new Set<string>();
  readonly #indexedCounts = new Map<string, number>();
  #objectCount = 0;
  #readCount = 0;
  #readBytes = 0;
  #isWhole = true;
  #unrecorded: unknown;

  constructor(
    pod: Pod,
    plan: VerifyPlan,
    { times, crew, lanes }: { readonly times: VerifiedTimes; readonly crew: Crew; readonly lanes: number },
  ) {
    this.#pod = pod;
    this.#plan = plan;
    this.#times = times;
    this.#crew = crew;
    this.#lanes = lanes;
  }

  async run(): Promise<VerifyReport> {
    this.#plan.onProgress({ step: 'checking the log' });
    await this.#checkHistory();
    await this.#checkSmallObjects();
    const { content, state } = this.#pod;
    // the threads read packs meanwhile
    const isAllIndexed = walkByIndex(content, state.checkpoints.flatMap(treesOf), this.#plan.signal);
    try {
      await this.#checkContent();
    } finally {
      await isAllIndexed;
    }
    await this.#checkIndex();
    await this.#heal();
    const lost = (await isAllIndexed) && this.#isIndexBorneOut() ? [] : await this.#findLosses();
    await this.#giveUp();
    const report = {
      place: 'device',
      depth: this.#plan.depth,
      isWhole: this.#isWhole,
      ...{ objectCount: this.#objectCount, readCount: this.#readCount, readBytes: this.#readBytes },
      damage: [...this.#damage.values()],
      faults: this.#faults,
      healedFaults: [],
      correctedPacks: [...this.#corrected],
      lost,
      failures: this.#failures,
      durationMs: performance.now() - this.#startedMs,
    };
    this.#unrecorded ??= await recordVerify(this.#pod, report);
    return { ...report, unrecorded: this.#unrecorded };
  }

  /** Something else waits: what takes long ends here, and what it did not come to is not known. */
  #isStopped(): boolean {
    const isStopped = this.#plan.signal?.aborted === true;
    if (isStopped) this.#isWhole = false;
    return isStopped;
  }

  /** The live log from its first record, the head within it, and the chain of segments below the head. */
  async #checkHistory(): Promise<void> {
    const { repository, secrets } = this.#pod;
    try {
      await this.#pod.events(1);
      const head = await this.#pod.readHead();
      if (head === undefined) {
        this.#faults.push('head: expected one in the repository, got nothing');
        return;
      }
      if ((await this.#pod.recordHash(head.seq)) !== toHex(head.recordHash))
        this.#faults.push(`head: expected record ${head.seq} of this log, got one of another`);
      const { whole, damaged } = await surveySegments(repository, secrets);
      this.#objectCount += whole.length + damaged.length;
      for (const damage of damaged) this.#note(damage);
      const { brokenAt } = followChain(whole, head);
      if (brokenAt === undefined) return;
      if (damaged.length === 0) {
        const name = `${String(brokenAt.seq).padStart(12, '0')}-${'0'.repeat(64)}`;
        const text = `expected a segment that holds record ${brokenAt.seq}, got none`;
        this.#note({ kind: 'segments', name, fault: 'missing', text });
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#faults.push(error.message);
    }
  }

  /** Keyrings and the like are short: they are read in any case. */
  async #checkSmallObjects(): Promise<void> {
    const { repository, state } = this.#pod;
    for (const kind of OBJECT_KINDS.filter((each) => !['packs', 'bases', 'segments'].includes(each))) {
      const names = new Set(await repository.listObjects(kind));
      if (kind === 'keyrings') names.add(state.keyring);
      this.#objectCount += names.size;
      for (const name of names) await this.#read({ kind, name });
    }
  }

  async #checkContent(): Promise<void> {
    const { repository, state } = this.#pod;
    const packs = await repository.listObjects('packs');
    const bases = new Set([...(await repository.listObjects('bases')), ...neededBases(state)]);
    const present = new Set(packs);
    for (const name of neededPacks(state)) {
      if (present.has(name)) continue;
      this.#objectCount++;
      this.#note({ kind: 'packs', name, fault: 'missing', text: 'expected it, got nothing' });
    }
    const items: Item[] = [];
    for (const name of packs) items.push(await this.#measure({ kind: 'packs', name }));
    for (const name of bases) items.push(await this.#measure({ kind: 'bases', name }));
    await this.#times.keepOnly(new Set(items.map(objectLabel)));
    const { depth, share, forMs } = this.#plan;
    const ordered = oldestFirst(items);
    const wanted = depth === 'structure' ? [] : share === undefined ? ordered : takeShare(ordered, share);
    const isWanted = new Set(wanted.map(objectLabel));
    const totalBytes = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    let lookedAt = 0;
    const queue = ordered.values();
    const lane = async (): Promise<void> => {
      for (const item of queue) {
        if (this.#isStopped()) return;
        const isOver = performance.now() - this.#startedMs > (forMs ?? Infinity);
        const isRead = isWanted.has(objectLabel(item)) && !isOver;
        if (depth === 'data' && !isRead) this.#isWhole = false;
        this.#objectCount++;
        await (item.kind === 'packs' ? this.#checkPack(item.name, isRead) : this.#checkBase(item, isRead));
        const done = { doneFiles: ++lookedAt, totalFiles: items.length };
        const bytes = totalBytes === 0 ? {} : { doneBytes: this.#readBytes, totalBytes };
        this.#plan.onProgress({ step: depth === 'data' ? 'reading' : 'checking packs', ...done, ...bytes });
      }
    };
    await Promise.all(Array.from({ length: this.#lanes }, lane));
  }

  async #measure(id: ObjectId): Promise<Item> {
    const { readBytes: _none, damage } = await findObject(this.#pod.repository, id);
    const sizeBytes = damage === undefined ? await this.#pod.repository.objectSize(id.kind, id.name) : 0;
    return { ...id, sizeBytes, verifiedAtMs: this.#times.atMs(id) };
  }

  async #checkPack(name: string, isRead: boolean): Promise<CheckedPack> {
    const { repository, secrets, projections } = this.#pod;
    const source = { repository, index: projections.chunks, identity: secrets.identity, crew: this.#crew };
    const checked = await checkPack(source, name, isRead);
    const id: ObjectId = { kind: 'packs', name };
    if (checked.isIndexCorrected) this.#corrected.add(name);
    if (checked.damage === undefined) {
      this.#indexedCounts.set(name, checked.indexedCount);
      this.#wholeChunks.delete(name);
    } else {
      this.#note(checked.damage);
      this.#wholeChunks.set(name, checked.entries);
    }
    await this.#count(id, checked.readBytes, checked.damage === undefined);
    return checked;
  }

  async #checkBase(id: Item, isRead: boolean): Promise<void> {
    if (isRead) return this.#read(id);
    const { base } = this.#pod.state;
    const { damage } = await findObject(
      this.#pod.repository,
      id,
      base?.sha256 === id.name ? base.sizeBytes : undefined,
    );
    if (damage !== undefined) this.#note(damage);
  }

  async #read(id: ObjectId): Promise<void> {
    const { damage, readBytes } = await readObjectFully(this.#pod.repository, id);
    if (damage !== undefined) this.#note(damage);
    await this.#count(id, readBytes, damage === undefined);
  }

  async #count(id: ObjectId, readBytes: number, isSound: boolean): Promise<void> {
    if (readBytes === 0) return;
    this.#readCount++;
    this.#readBytes += readBytes;
    if (isSound) await this.#times.note(id, Date.now());
  }

  #note({ kind, name, fault, text }: DamagedObject): void {
    this.#damage.set(objectLabel({ kind, name }), { kind, name, fault, text });
  }

  /** Brings back what homes have whole; then what the log itself can bring back. */
  async #heal(): Promise<void> {
    const left = [...this.#damage.values()].filter(({ healedFrom }) => healedFrom === undefined);
    if (!this.#plan.isHealing || left.length === 0 || this.#isStopped()) return;
    const { repository, state } = this.#pod;
    const homes = state.homes.map(({ url }) => this.#plan.openHome(url));
    const { onProgress, signal } = this.#plan;
    const onHealed = (healed: readonly Healed[]): Promise<void> => this.#takeHealed(healed);
    const named = left.filter(({ name }) => !/^\d+-0{64}$/.test(name));
    try {
      const source = { repository, podId: state.podId, homes, onProgress, onHealed };
      const { failures } = await healDevice(
        { ...source, ...(signal === undefined ? {} : { signal }) },
        named,
      );
      this.#failures.push(...failures);
      if (this.#isStopped()) return;
      await this.#resealSegments();
    } catch (error) {
      if (!isDeskPodError(error, 'SPACE_EXHAUSTED')) throw error;
      this.#failures.push({ place: 'device', error });
    }
  }

  async #takeHealed(healed: readonly Healed[]): Promise<void> {
    for (const { kind, name, from } of healed) {
      const damage = this.#damage.get(objectLabel({ kind, name }));
      if (kind === 'packs') {
        const { entries } = await this.#checkPack(name, true);
        await this.#pod.projections.chunks.addPack(name, entries);
        this.#indexedCounts.delete(name);
      }
      if (damage !== undefined)
        this.#damage.set(objectLabel({ kind, name }), { ...damage, healedFrom: from });
    }
    await this.#recordHeals(healed);
  }

  async #recordHeals(healed: readonly Healed[]): Promise<void> {
    try {
      const objects = healed.map(({ kind, name, from }) => ({ kind, name, place: 'device', from }));
      await this.#pod.append({ type: 'recordHeals', objects });
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      this.#unrecorded ??= error; // it is healed all the same, and the report says so
    }
  }

  /** A home that could not be asked, or was not as it took too long, may have what would be given up for good. */
  async #giveUp(): Promise<void> {
    const packs = [...this.#damage.values()].filter((each) => each.kind === 'packs' && isLeft(each));
    if (this.#plan.isGivingUp !== true || packs.length === 0 || this.#failures.length > 0) return;
    if (this.#isStopped()) return;
    const given = packs.map(({ name }) => ({ name, whole: this.#wholeChunks.get(name) ?? [] }));
    try {
      await giveUpPacks(this.#pod, this.#crew, given);
    } catch (error) {
      if (!isDeskPodError(error, 'SPACE_EXHAUSTED')) throw error;
      this.#failures.push({ place: 'device', error });
      return;
    }
    for (const pack of packs) this.#damage.set(objectLabel(pack), { ...pack, isGivenUp: true });
  }

  async #resealSegments(): Promise<void> {
    const left = [...this.#damage.values()].filter(
      ({ kind, healedFrom }) => kind === 'segments' && healedFrom === undefined,
    );
    const head = left.length === 0 ? undefined : await this.#pod.readHead();
    if (head === undefined || this.#faults.length > 0) return;
    const made = await resealSegments(this.#pod, head);
    for (const damage of left) {
      // the chain needs it no more, and a home must not get it
      if (damage.fault !== 'missing') await this.#pod.repository.removeObject('segments', damage.name);
      this.#damage.set(objectLabel(damage), { ...damage, healedFrom: 'log' });
    }
    await this.#recordHeals(made.map((name) => ({ kind: 'segments', name, from: 'log' })));
  }

  /**
   * The chunk index must not promise what no pack has: the next checkpoint would rely on it. A pack that holds less than
   * it says is read: either it is another than its name says, or the chunk index is wrong, and is made anew.
   */
  async #checkIndex(): Promise<void> {
    const { repository, secrets, projections } = this.#pod;
    const counts = await projections.chunks.countChunks();
    const wrong = [...this.#indexedCounts].filter(([name, count]) => (counts.get(name) ?? 0) > count);
    for (const [name] of wrong) await this.#checkPack(name, true);
    const corrected = wrong.filter(([name]) => !this.#wholeChunks.has(name));
    if (corrected.length === 0) return;
    for (const [name] of corrected) this.#corrected.add(name);
    await projections.chunks.clear();
    await refreshChunkIndex(projections.chunks, repository, secrets.identity);
  }

  /** True if the packs were found to hold what the chunk index says, and nothing had to be mended for that. */
  #isIndexBorneOut(): boolean {
    const indexed = [...this.#pod.projections.chunks.packs()];
    const isUntouched = this.#damage.size === 0 && this.#corrected.size === 0;
    return isUntouched && indexed.every((name) => this.#indexedCounts.has(name));
  }

  /** The chunks that packs hold whole, as far as they were looked at. */
  async #wholeOnes(): Promise<KnownChunks> {
    const { repository, secrets } = this.#pod;
    const known = new KnownChunks();
    for (const name of await repository.listObjects('packs')) {
      const entries = this.#wholeChunks.get(name) ?? (await readEntries(repository, name, secrets.identity));
      for (const { id } of entries) known.add(id);
    }
    return known;
  }

  async #findLosses(): Promise<LostTree[]> {
    const { content, state } = this.#pod;
    const trees = state.checkpoints.flatMap(treesOf);
    for (let round = 1; ; round++) {
      if (this.#isStopped()) return [];
      const known = await this.#wholeOnes();
      const walk = new ManifestWalk(content, known);
      const lacking: typeof trees = [];
      const suspects = new Set<string>();
      for (const [index, tree] of trees.entries()) {
        if (this.#isStopped()) return [];
        this.#plan.onProgress({ step: 'walking checkpoints', doneFiles: index, totalFiles: trees.length });
        const lack = await walk.walk(tree.root);
        if (lack.lacksChunks || lack.listFault !== undefined) lacking.push(tree);
        if (lack.suspect !== undefined) suspects.add(lack.suspect);
      }
      const fresh = [...suspects].filter((name) => !this.#damage.has(objectLabel({ kind: 'packs', name })));
      for (const name of fresh) await this.#checkPack(name, true);
      if (fresh.some((name) => this.#wholeChunks.has(name)) && round < ROUNDS_MAX) {
        await this.#heal();
        continue;
      }
      const lost: LostTree[] = [];
      for (const { checkpoint, tree, root } of lacking)
        lost.push({ checkpoint, tree, ...(await nameLosses(content, known, root)) });
      return lost;
    }
  }
}
