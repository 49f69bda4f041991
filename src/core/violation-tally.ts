// What the kernel module has refused, added up for the log: however many attempts there are, they come to a few events.
import type { BarrierEvent, BarrierGap, BarrierViolation } from './barrier-events.ts';
import type { ModuleRecord } from './kmod-interface.ts';

/** The first attempts are told at once; then it waits so long, twice as long each time, while more come. */
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 3_600_000;

function keyOf({ direction, operation }: Pick<BarrierViolation, 'direction' | 'operation'>): string {
  return `${direction} ${operation}`;
}

/** The former with the times and numbers of both. */
function bothOf<Event extends BarrierEvent>(former: Event, since: Event): Event {
  const lastAtMs = Math.max(former.lastAtMs, since.lastAtMs);
  return { ...former, count: former.count + since.count, lastAtMs };
}

/** The tally of one session. */
export class ViolationTally {
  readonly #refusals = new Map<string, BarrierViolation>();
  #gap: BarrierGap | undefined;
  /** Of records without room that no refusal has come after yet. */
  #lostCount = 0;
  #waitMs = FIRST_WAIT_MS;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  /** Takes what the module has noted. */
  add(records: readonly ModuleRecord[]): void {
    for (const record of records) {
      this.#lostCount += record.lostCount;
      if (record.kind === 'refused-in') this.#refuse('in', record);
      else if (record.kind === 'refused-out') this.#refuse('out', record);
      else if (record.kind === 'alarm') this.#miss(record);
    }
  }

  /** Whether there is something to tell at this moment, by a clock that never goes back. */
  isDue(nowMs: number): boolean {
    if (nowMs < this.#nextAtMs) return false;
    if (this.#refusals.size > 0 || this.#gap !== undefined) return true;
    // nothing has come for a whole wait: what comes next is news again
    this.#waitMs = FIRST_WAIT_MS;
    return false;
  }

  /** All that was not told yet: one event at most for each operation in each direction, and one of gaps. */
  take(nowMs: number): readonly BarrierEvent[] {
    const events: BarrierEvent[] = [...this.#refusals.values()];
    if (this.#gap !== undefined) events.push(this.#gap);
    this.#refusals.clear();
    this.#gap = undefined;
    if (events.length === 0) return events;
    this.#nextAtMs = nowMs + this.#waitMs;
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
    return events;
  }

  /** What was taken and could not be told: it comes before all that was added since. */
  giveBack(events: readonly BarrierEvent[]): void {
    for (const event of events) {
      if (event.type === 'barrier.gap') {
        this.#gap = this.#gap === undefined ? event : bothOf(event, this.#gap);
        continue;
      }
      const key = keyOf(event);
      const since = this.#refusals.get(key);
      const lostCount = event.lostCount + (since?.lostCount ?? 0);
      this.#refusals.set(key, since === undefined ? event : { ...bothOf(event, since), lostCount });
    }
  }

  #refuse(direction: BarrierViolation['direction'], record: ModuleRecord): void {
    const { operation, atMs } = record;
    const key = keyOf({ direction, operation });
    const known = this.#refusals.get(key);
    const lostCount = (known?.lostCount ?? 0) + this.#lostCount;
    this.#lostCount = 0;
    this.#refusals.set(
      key,
      known === undefined
        ? {
            ...{ type: 'barrier.violation', v: 1, direction, operation, count: 1, lostCount },
            ...{ firstAtMs: atMs, lastAtMs: atMs },
            ...{ actor: record.actorName, actorPid: record.actorPid, actorUid: record.actorUid },
            target: record.targetName,
          }
        : { ...known, count: known.count + 1, lostCount, lastAtMs: Math.max(known.lastAtMs, atMs) },
    );
  }

  #miss({ atMs }: ModuleRecord): void {
    const { count, firstAtMs, lastAtMs } = this.#gap ?? { count: 0, firstAtMs: atMs, lastAtMs: atMs };
    const span = { firstAtMs, lastAtMs: Math.max(lastAtMs, atMs) };
    this.#gap = { type: 'barrier.gap', v: 1, count: count + 1, ...span };
  }
}
