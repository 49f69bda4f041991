// Following a supervisor: every event without a gap, every work to its end, and nothing piles up for whoever does not read.
import assert from 'node:assert/strict';
import type { LoggedEvent } from '../../src/core/events.ts';
import { type FollowItem, following } from '../../src/session/supervisor/follow.ts';
import { Works } from '../../src/session/supervisor/works.ts';

/** A log in memory that tells of its appends. */
class ToldLog {
  readonly #events: LoggedEvent[] = [];
  readonly #listeners = new Set<() => void>();

  get state(): { readonly seq: number } {
    return { seq: this.#events.length };
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async events(since: number, until = this.#events.length): Promise<LoggedEvent[]> {
    return this.#events.slice(since - 1, until);
  }

  append(count = 1): void {
    for (let i = 0; i < count; i++) {
      const seq = this.#events.length + 1;
      this.#events.push({ seq, atMs: seq, event: { type: 'watch.gap', v: 1, cause: String(seq) } });
    }
    for (const listener of this.#listeners) listener();
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }
}

describe('following a pod', () => {
  let log: ToldLog;
  let works: Works;
  let stop: AbortController;
  let items: FollowItem[];
  let came: () => void;

  beforeEach(() => {
    log = new ToldLog();
    works = new Works();
    stop = new AbortController();
    items = [];
    came = () => undefined;
  });

  const seqs = (): number[] => items.flatMap(({ events }) => events.map(({ seq }) => seq));

  function follow(since?: number, slowly?: () => Promise<void>): Promise<unknown> {
    const request = since === undefined ? {} : { since };
    const emit = async (item: FollowItem): Promise<void> => {
      items.push(item);
      came();
      await slowly?.();
    };
    return following(log, works)(request, emit, stop).catch((error: unknown) => error);
  }

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        came = resolve;
      });
    }
  }

  it('tells every event from a position on, those before it in pieces, and goes on with new ones', async () => {
    log.append(1200);
    const followed = follow(3);
    await until(() => seqs().length === 1198);
    assert.ok(items.every(({ events }) => events.length <= 500));
    log.append(2);
    await until(() => seqs().length === 1200);
    assert.deepEqual(
      seqs(),
      Array.from({ length: 1200 }, (_, index) => index + 3),
    );
    stop.abort('enough');
    assert.equal(await followed, 'enough');
    assert.equal(log.listenerCount, 0);
  });

  it('begins with what is new if it is not told where', async () => {
    log.append(5);
    const followed = follow();
    log.append();
    await until(() => seqs().length > 0);
    assert.deepEqual(seqs(), [6]);
    stop.abort();
    await followed;
  });

  it('tells how a work begins, goes on and ends, also to who comes in the middle of it', async () => {
    const first = Promise.withResolvers<void>();
    const done = works.do(
      'sync',
      () => undefined,
      async (onProgress) => {
        onProgress({ step: 'sending' });
        await first.promise;
      },
    );
    const followed = follow();
    await until(() => items.length > 0);
    assert.deepEqual(
      items[0]?.works.map(({ name, state, progress }) => [name, state, progress?.step]),
      [['sync', 'running', 'sending']],
    );
    first.resolve();
    await done;
    await until(() => items.at(-1)?.works[0]?.state === 'done');
    const failing = works.do(
      'verify',
      () => undefined,
      () => Promise.reject(new Error('broken')),
    );
    await assert.rejects(failing, /broken/);
    await until(() => items.at(-1)?.works[0]?.state === 'failed');
    assert.equal(items.at(-1)?.works[0]?.error?.trace, undefined);
    stop.abort();
    await followed;
  });

  it('leaves progress out for a slow reader, and no event and no end', async () => {
    const taken = Promise.withResolvers<void>();
    const followed = follow(1, () => taken.promise);
    log.append();
    await until(() => items.length === 1);
    await works.do(
      'sync',
      () => undefined,
      async (onProgress) => {
        for (let doneBytes = 0; doneBytes < 10_000; doneBytes++) onProgress({ step: 'sending', doneBytes });
      },
    );
    log.append(3);
    taken.resolve();
    await until(() => seqs().length === 4);
    assert.ok(items.length <= 3, `${items.length} items`);
    assert.deepEqual(
      items.flatMap((item) => item.works.map(({ state }) => state)),
      ['done'],
    );
    stop.abort();
    await followed;
  });

  it('says what has happened until it is stopped', async () => {
    const followed = follow();
    await new Promise((resolve) => setImmediate(resolve));
    log.append(2);
    stop.abort('ending');
    assert.equal(await followed, 'ending');
    assert.deepEqual(seqs(), [1, 2]);
  });
});
