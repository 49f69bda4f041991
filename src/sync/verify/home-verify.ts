// Verifying a home of a pod: its objects against their names, what it should have by the log, and healing it.
import { toHex } from '../../core/bytes.ts';
import type { Head } from '../../core/head.ts';
import type { Home } from '../home/home.ts';
import { readHomeHead } from '../pod/home-head.ts';
import type { Pod } from '../pod/pod.ts';
import { findOwnHead } from '../pod/standing.ts';
import { type DamagedObject, isDamage, objectAt, objectLabel, objectPlace } from './damage.ts';
import { type Healed, type HealFailure, healDevice } from './heal-device.ts';
import { checkHomeObjects } from './home-objects.ts';
import { neededAtHome } from './needed-objects.ts';
import { readObjectFully } from './object-check.ts';
import { recordVerify } from './record-verify.ts';
import { followChain, surveySegments } from './segment-chain.ts';
import type { FoundDamage, VerifyPlan, VerifyReport } from './verify-report.ts';

/** Objects are sent in groups of so many, each proven on the device right before. */
const BATCH = 16;

/**
 * Verifies what a home holds of this pod. What is damaged or missing there is sent again from the device, whose own
 * object is proven before; one that the device lacks, too, is first fetched from the pod's other homes.
 *
 * @param healedFaults what was wrong with the place itself, and had to be right before it was a home again
 * @throws DeskPodError HOME_NOT_FOUND, HOME_UNREACHABLE and what else keeps home from being looked at
 */
export async function verifyHomeOf(
  pod: Pod,
  home: Home,
  plan: VerifyPlan,
  healedFaults: readonly string[] = [],
): Promise<VerifyReport> {
  return new HomeVerify(pod, home, plan, healedFaults).run();
}

class HomeVerify {
  readonly #pod: Pod;
  readonly #home: Home;
  readonly #plan: VerifyPlan;
  readonly #startedMs = performance.now();
  readonly #damage = new Map<string, FoundDamage>();
  readonly #faults: string[] = [];
  readonly #failures: HealFailure[] = [];
  readonly #healedFaults: readonly string[];

  constructor(pod: Pod, home: Home, plan: VerifyPlan, healedFaults: readonly string[]) {
    this.#pod = pod;
    this.#home = home;
    this.#plan = plan;
    this.#healedFaults = healedFaults;
  }

  async run(): Promise<VerifyReport> {
    const { podId } = this.#pod.state;
    const { onProgress, signal, depth } = this.#plan;
    onProgress({ step: `looking at ${this.#home.url}` });
    const head = await this.#readHead();
    const options = { onProgress, ...(signal === undefined ? {} : { signal }) };
    const objects = await checkHomeObjects(this.#home, podId, depth === 'data', options);
    for (const place of objects.damaged) this.#noteDamaged(place);
    if (head !== undefined) await this.#noteLacking(head, objects.present);
    if (this.#plan.isHealing && head !== undefined) await this.#heal();
    const report = {
      place: this.#home.url,
      depth: 'data' as const,
      isWhole: true,
      objectCount: objects.present.size,
      readCount: objects.present.size,
      readBytes: objects.bytes,
      damage: [...this.#damage.values()],
      faults: this.#faults,
      healedFaults: this.#healedFaults,
      correctedPacks: [],
      lost: [],
      failures: this.#failures,
      durationMs: performance.now() - this.#startedMs,
    };
    return { ...report, unrecorded: await recordVerify(this.#pod, report) };
  }

  /**
   * Home's head, or that of this device's branch there, if it is of this history: only then the log says what home should
   * have, and may it be written.
   */
  async #readHead(): Promise<Head | undefined> {
    const { homes } = this.#pod.state;
    if (homes.some(({ url, branch }) => url === this.#home.url && branch !== undefined)) {
      const head = await findOwnHead(this.#pod, this.#home);
      if (head === undefined) this.#faults.push('branches: expected a head of this device at home, got none');
      return head;
    }
    try {
      const head = (await readHomeHead(this.#home, this.#pod))?.head;
      if (head === undefined) {
        this.#faults.push('head: expected one of this pod at home, got nothing; a sync writes it');
        return undefined;
      }
      if ((await this.#pod.recordHash(head.seq)) === toHex(head.recordHash)) return head;
      this.#faults.push(
        head.epoch > this.#pod.state.epoch
          ? `head: home belongs to a newer device of this pod (epoch ${head.epoch})`
          : 'head: home holds another history of this pod',
      );
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#faults.push(`head: ${error.message}. ${error.hint ?? ''}`.trimEnd());
    }
    return undefined;
  }

  #noteDamaged(place: string): void {
    const id = objectAt(this.#pod.repository, place);
    if (id === undefined) this.#faults.push(`${place}: expected objects only, got another file`);
    else this.#note({ ...id, fault: 'damaged', text: 'expected the bytes of its name, got others' });
  }

  async #noteLacking(head: Head, present: ReadonlyMap<string, number>): Promise<void> {
    const { repository, secrets, state } = this.#pod;
    const { names } = followChain((await surveySegments(repository, secrets)).whole, head);
    const needed = neededAtHome(state, { seq: head.seq, keyring: toHex(head.keyring) }, names);
    for (const id of needed) {
      if (present.has(objectPlace(repository, id))) continue;
      this.#note({ ...id, fault: 'missing', text: 'the log says that home has it, and it has not' });
    }
  }

  #note(damage: DamagedObject): void {
    this.#damage.set(objectLabel(damage), damage);
  }

  async #heal(): Promise<void> {
    const left = [...this.#damage.values()];
    if (left.length === 0) return;
    const { repository } = this.#pod;
    await this.#bringToDevice(left);
    for (let at = 0; at < left.length; at += BATCH) {
      const batch: FoundDamage[] = [];
      for (const damage of left.slice(at, at + BATCH)) {
        // proven right before it goes: nothing damaged is ever sent in the place of anything
        if ((await readObjectFully(repository, damage)).damage === undefined) batch.push(damage);
      }
      if (!(await this.#send(batch))) return;
    }
  }

  async #send(batch: readonly FoundDamage[]): Promise<boolean> {
    const { repository, state } = this.#pod;
    const placesOf = (isMissing: boolean): string[] =>
      batch
        .filter(({ fault }) => (fault === 'missing') === isMissing)
        .map((id) => objectPlace(repository, id));
    try {
      const [missing, damaged] = [placesOf(true), placesOf(false)];
      if (missing.length > 0) await this.#home.push(repository.dir, state.podId, missing);
      if (damaged.length > 0) await this.#home.replace(repository.dir, state.podId, damaged);
    } catch (error) {
      this.#failures.push({ place: this.#home.url, error });
      return false;
    }
    for (const damage of batch) this.#damage.set(objectLabel(damage), { ...damage, healedFrom: 'device' });
    await this.#record(
      batch.map((id) => ({ kind: id.kind, name: id.name, from: 'device' })),
      this.#home.url,
    );
    return true;
  }

  /** What the device lacks or has damaged is looked for at the other homes. */
  async #bringToDevice(wanted: readonly FoundDamage[]): Promise<void> {
    const { repository, state } = this.#pod;
    const absent: FoundDamage[] = [];
    for (const id of wanted)
      if ((await readObjectFully(repository, id)).damage !== undefined) absent.push(id);
    if (absent.length === 0) return;
    const others = state.homes.filter(({ url }) => url !== this.#home.url);
    const { failures } = await healDevice(
      {
        repository,
        podId: state.podId,
        homes: others.map(({ url }) => this.#plan.openHome(url)),
        onProgress: this.#plan.onProgress,
        onHealed: (healed) => this.#record(healed, 'device'),
      },
      absent,
    );
    this.#failures.push(...failures);
  }

  async #record(healed: readonly Healed[], place: string): Promise<void> {
    const objects = healed.map(({ kind, name, from }) => ({ kind, name, place, from }));
    await this.#pod.append({ type: 'recordHeals', objects });
  }
}
