// Twins that go on without a question: when they do, when they ask all the same, and how the device gives way.
import assert from 'node:assert/strict';
import { cp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { type StartedTree, startPod } from '../../src/session/operation/start-pod.ts';
import { requireLease } from '../../src/session/twin/lease-twin.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { PASSPHRASE } from './tree-lab.ts';
import { ask, openTwinLab, QUIET, type TwinLab } from './twin-lab.ts';

const DAY_MS = 86_400_000;

describe('a twin with a lease', () => {
  let lab: TwinLab;
  const { now } = Date;
  beforeEach(async () => {
    lab = await openTwinLab();
    await lab.follow();
  });
  afterEach(async () => {
    Date.now = now;
    await lab.close();
  });

  /** Does something as if it were so many days later. */
  const later = async <T>(days: number, act: () => Promise<T>): Promise<T> => {
    Date.now = () => now() + days * DAY_MS;
    try {
      return await act();
    } finally {
      Date.now = now;
    }
  };
  const lease = (leaseMs?: number, url = lab.twin) =>
    ask(lab.dir, 'home-lease', { url, ...(leaseMs === undefined ? {} : { leaseMs }) });
  /** Starts the twin; what was asked is an answer, too, and nobody says yes. */
  const start = async (
    path = lab.twin,
  ): Promise<{ readonly warnings: readonly string[] } | { readonly asked: string }> => {
    let asked: string | undefined;
    try {
      const started = await startPod({
        ...QUIET,
        devicePath: path,
        choice: 'default',
        geometry: { width: 1, height: 1 },
        confirmPromotion: async (_place, besides) => {
          asked = besides ?? 'no lease';
          throw new Error('nobody answers');
        },
      });
      return { warnings: started.promotion?.warnings ?? [] };
    } catch (error) {
      if (asked === undefined) throw error;
      return { asked };
    }
  };
  const mayRun = async (days: number, dir = lab.dir): Promise<boolean> => {
    const tree = await openTree(dir, { passphrase: PASSPHRASE });
    try {
      requireLease(tree.pod.state, now() + days * DAY_MS);
      return true;
    } catch (error) {
      assert.ok(isDeskPodError(error, 'LEASE_ENDED'), String(error));
      assert.match(error.hint ?? '', /deskpod sync.*deskpod home remove/s);
      return false;
    } finally {
      await tree.close();
    }
  };

  /** A checkpoint that comes to the other home only. */
  const goOnWithout = async (twin: string): Promise<void> => {
    await rename(twin, `${twin}-away`);
    await writeFile(join(lab.dir, 'letter.txt'), 'later\n');
    await lab.checkpoint();
    await lab.codesOfSync();
    await rename(`${twin}-away`, twin);
  };

  it('goes on by itself when nothing was synced to it for longer, and not a day before', async () => {
    assert.deepEqual(await later(30, () => start()), { asked: 'no lease' });
    await lease(7 * DAY_MS);
    assert.deepEqual(await lab.codesOfSync(), [undefined, undefined]);
    const early = await later(7.5, () => start());
    assert.ok('asked' in early);
    assert.match(early.asked, /without a question from .* on/);
    assert.equal((await ask(lab.twin, 'status', {})).isTwin, true);
    const started = await later(8, () => start());
    assert.ok('warnings' in started, JSON.stringify(started));
    assert.match(started.warnings.join(), /started without a question/);
    assert.equal((await ask(lab.twin, 'status', {})).isTwin, false);
    assert.deepEqual([await mayRun(6.9), await mayRun(7.1)], [true, false]);
  });

  it('waits anew from each sync on, also where nothing else has changed', async () => {
    await lease(7 * DAY_MS);
    await lab.codesOfSync();
    assert.deepEqual(await later(5, () => lab.codesOfSync()), [undefined, undefined]);
    assert.ok('asked' in (await later(11, () => start())));
    assert.deepEqual([await mayRun(11.9), await mayRun(12.1)], [true, false]);
    assert.ok('warnings' in (await later(13, () => start())));
  });

  it('knows nothing of it before its next sync, and the device keeps to it all the same', async () => {
    await lease(DAY_MS);
    assert.deepEqual(await later(30, () => start()), { asked: 'no lease' });
    assert.equal(await mayRun(2), false);
    assert.deepEqual(await later(30, () => lab.codesOfSync()), [undefined, undefined]);
    assert.equal(await mayRun(30.5), true);
  });

  it('asks if a home has more of the pod, which then is not lost', async () => {
    await lease(DAY_MS);
    await lab.codesOfSync();
    await goOnWithout(lab.twin);
    const asked = await later(30, () => start());
    assert.ok('asked' in asked);
    assert.match(asked.asked, /\/home has more of the pod/);
    await rename(lab.home, `${lab.home}-away`);
    assert.ok('warnings' in (await later(30, () => start())), 'a home that does not answer tells nothing');
  });

  it('asks if a home has more of the pod as a branch', async () => {
    await ask(lab.dir, 'fork', {});
    const twin = `${lab.twin}-of-branch`;
    await lab.add(twin);
    await lease(7 * DAY_MS, twin);
    await lab.codesOfSync();
    const { homes } = await ask(lab.dir, 'home-list', {});
    assert.ok(homes.some(({ branch }) => branch !== undefined));
    await goOnWithout(twin);
    const asked = await later(30, () => start(twin));
    assert.ok('asked' in asked);
    assert.match(asked.asked, /\/home has more of the pod/);
  });

  it('asks if a home has something else that it cannot show', async () => {
    await lease(DAY_MS);
    await lab.codesOfSync();
    await goOnWithout(lab.twin);
    const [podId = ''] = await readdir(join(lab.home, 'pods'));
    const segments = join(lab.home, 'pods', podId, 'segments');
    await rm(join(segments, (await readdir(segments)).sort().at(-1) ?? ''));
    const asked = await later(30, () => start());
    assert.ok('asked' in asked);
    assert.match(asked.asked, /\/home has more of the pod/);
  });

  it('asks if it was told by a clock that had been set back', async () => {
    await lease(7 * DAY_MS);
    await lab.codesOfSync();
    await later(-30, async () => {
      await writeFile(join(lab.dir, 'letter.txt'), 'typed a minute ago\n');
      await lab.checkpoint();
      assert.deepEqual(await lab.codesOfSync(), [undefined, undefined]);
    });
    const asked = await start();
    assert.ok('asked' in asked);
    assert.match(asked.asked, /the clock was behind/);
    await lab.codesOfSync();
    const early = await start();
    assert.ok('asked' in early);
    assert.match(early.asked, /without a question from /);
  });

  it('asks if it is a copy, which goes by what its original was told', async () => {
    await lease(7 * DAY_MS);
    await lab.codesOfSync();
    const copy = `${lab.twin}-copy`;
    await cp(lab.twin, copy, { recursive: true });
    await later(6, () => lab.codesOfSync());
    await rename(lab.twin, `${lab.twin}-away`);
    await rename(copy, lab.twin);
    const asked = await later(8, () => start());
    assert.ok('asked' in asked);
    assert.match(asked.asked, /another medium/);
  });

  it('goes on wherever it lies, and is no home of its own then that keeps it from that', async () => {
    await lease(7 * DAY_MS);
    await lab.codesOfSync();
    const moved = `${lab.twin}-moved`;
    await rename(lab.twin, moved);
    assert.ok('warnings' in (await later(8, () => start(moved))));
    const { homes } = await ask(moved, 'home-list', {});
    assert.deepEqual(
      homes.map(({ url }) => url),
      [lab.home],
    );
    assert.equal(await mayRun(8, moved), true);
  });

  it('binds the device also where another twin comes to lie at its place', async () => {
    await lease(7 * DAY_MS);
    await lab.codesOfSync();
    await rename(lab.twin, `${lab.twin}-first`);
    await assert.rejects(lab.add(), { code: 'HOME_ALREADY_KNOWN' });
    assert.deepEqual(await later(3, () => lab.codesOfSync()), [undefined, undefined]);
    assert.deepEqual([await mayRun(6.9), await mayRun(7.1)], [true, false]);
    assert.ok('warnings' in (await later(8, () => start(`${lab.twin}-first`))));
    assert.ok('asked' in (await later(8, () => start())));
  });

  it('asks if another twin may have been started as well', async () => {
    const other = `${lab.twin}-other`;
    await lab.add(other);
    await lease(7 * DAY_MS);
    await lease(7 * DAY_MS, other);
    assert.deepEqual(await lab.codesOfSync(), [undefined, undefined, undefined]);
    assert.deepEqual(await lab.codesOfSync(), [undefined, undefined, undefined]);
    const asked = await later(8, () => start());
    assert.ok('asked' in asked);
    assert.match(asked.asked, /-other may have been started as well/);
  });

  it('asks again once that was taken back, and binds the device until the twin knows', async () => {
    await lease(DAY_MS);
    await lab.codesOfSync();
    await lease();
    assert.equal(await mayRun(2), false);
    await lab.codesOfSync();
    assert.equal(await mayRun(2), true);
    assert.deepEqual(await later(30, () => start()), { asked: 'no lease' });
  });

  it('is told by the program, which refuses what is no twin and less than an hour', async () => {
    const { program, at, twin, home } = lab;
    await program.failure('USAGE', ['home', 'lease', home, '7d', ...at]);
    await program.failure('USAGE', ['home', 'lease', twin, '30m', ...at]);
    await program.failure('HOME_UNKNOWN', ['home', 'lease', 'twin:///elsewhere', '7d', ...at]);
    assert.deepEqual(await program.answer(['home', 'lease', twin, '2h', ...at]), {
      ...{ url: `twin://${twin}`, leaseMs: 2 * 3_600_000 },
    });
    const { stdout } = await program.run(['status', ...at]);
    assert.match(stdout, /goes on without this device unless it is synced to before /);
    await lab.codesOfSync();
    const removed = await program.answer<{ warnings: string[] }>(['home', 'remove', twin, ...at]);
    assert.match(removed.warnings.join(), /it still goes on without a question when it is started after /);
    await program.failure('POD_IS_TWIN', ['start', twin]);
    const { promotion } = await program.answer<StartedTree>(['start', twin, '--promote']);
    assert.equal(promotion.epoch, 2);
  });
});
