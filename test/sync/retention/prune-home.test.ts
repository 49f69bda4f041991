// A prune of a home: by home's time and without a key, while devices say what they like and syncs come in.
import assert from 'node:assert/strict';
import type { Dirent } from 'node:fs';
import { cp, lstat, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RetentionPolicy } from '../../../src/core/retention.ts';
import { restorePod } from '../../../src/session/pod/restore-pod.ts';
import type { Home } from '../../../src/sync/home/home.ts';
import type { LendHome } from '../../../src/sync/home/lend-home.ts';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { changePassphrase } from '../../../src/sync/pod/change-keys.ts';
import { syncHomes } from '../../../src/sync/pod/replicate.ts';
import { openTree, type Tree } from '../../../src/sync/pod/tree.ts';
import { HomeFolder } from '../../../src/sync/retention/home-folder.ts';
import { type HomePruneReport, pruneHomeFolder } from '../../../src/sync/retention/prune-home.ts';
import { pruneHomePods } from '../../../src/sync/retention/prune-home-pods.ts';
import { expectCode } from '../expect-code.ts';
import { scratchFolder } from '../scratch.ts';
import { hashesBelow, noise, PASSPHRASE, PruneLab, QUIET } from './prune-lab.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.now();
const GRACE_MS = 48 * HOUR_MS;

describe('a prune of a home', () => {
  const folder = scratchFolder();
  let lab: PruneLab;
  let home: string;
  let podDir: string;
  let podId: string;
  /** What the folder held when the head at a position came home. */
  let sent: Map<number, Map<string, string>>;
  let restores: number;

  beforeEach(async () => {
    lab = await PruneLab.create(folder());
    home = join(folder(), 'home');
    sent = new Map();
    restores = 0;
    await lab.open(async ({ pod }) => {
      ({ podId } = pod.state);
      await addHome(pod, home);
    });
    podDir = join(home, 'pods', podId);
  });

  /** A new state of the pod; the device keeps no other checkpoint, and home gets it, so many days ago. */
  async function day(tree: Tree, daysAgo: number): Promise<number> {
    const before = await timesBelow(podDir);
    await writeFile(join(lab.dir, 'changing'), noise(50_000, `changing ${daysAgo}`));
    await lab.checkpoint(tree);
    await lab.prune(tree, { last: 1 });
    const seq = await sync(tree);
    for (const [path, atMs] of await timesBelow(podDir)) {
      const at = new Date(NOW_MS - daysAgo * DAY_MS);
      if (before.get(path) !== atMs) await utimes(join(podDir, path), at, at);
    }
    return seq;
  }

  async function sync(tree: Tree): Promise<number> {
    const [outcome] = await syncHomes(tree.pod, undefined, QUIET);
    assert.ok(outcome !== undefined);
    if ('error' in outcome) throw outcome.error;
    sent.set(outcome.seq, await hashesBelow(lab.dir));
    return outcome.seq;
  }

  /** Home gets a state of each of these days, oldest first. */
  function days(...daysAgo: number[]): Promise<number[]> {
    return lab.open(async (tree) => {
      await writeFile(join(lab.dir, 'common'), noise(40_000, 'common'));
      const seqs: number[] = [];
      for (const each of daysAgo) seqs.push(await day(tree, each));
      return seqs;
    });
  }

  function prune(
    policy: RetentionPolicy,
    isDryRun = false,
    at = new HomeFolder(podDir),
  ): Promise<HomePruneReport> {
    const plan = { policy, graceMs: GRACE_MS, nowMs: NOW_MS, isDryRun, onProgress: QUIET };
    return pruneHomeFolder(at, podId, plan);
  }

  /** Fails unless home restores the pod by the head at this position, byte by byte, from a copy. */
  async function requireRestorable(seq: number): Promise<void> {
    const nth = ++restores;
    const [copy, target] = [join(folder(), `copy-${nth}`), join(folder(), `target-${nth}`)];
    await cp(home, copy, { recursive: true, preserveTimestamps: true });
    await restorePod({
      ...{ from: copy, target, credential: { passphrase: lab.passphrase }, headSeq: seq },
      ...{ isForced: false, onProgress: QUIET },
    });
    assert.deepEqual(await hashesBelow(target), sent.get(seq));
  }

  const keptOf = ({ heads }: HomePruneReport): number[] =>
    heads.filter(({ reasons }) => reasons.length > 0).map(({ seq }) => seq);

  it('forgets heads by when they were received, and every head that it keeps can be restored', async () => {
    const seqs = await days(9, 8, 7, 6, 5);
    assert.equal((await readdir(join(podDir, 'inventories'))).length, 5);
    const report = await prune({ daily: 2 });
    assert.deepEqual(keptOf(report), seqs.slice(3));
    assert.equal(report.forgottenCount, 3);
    assert.ok(report.freedBytes > 3 * 50_000);
    for (const seq of seqs.slice(3)) await requireRestorable(seq);
    await assert.rejects(requireRestorable(seqs[0] ?? 0), { code: 'CHECKPOINT_NOT_FOUND' });
    assert.equal((await readdir(podDir)).includes('.pruned'), false);
    await lab.open((tree) => day(tree, 0));
    assert.equal((await prune({ daily: 9 })).forgottenCount, 0);
  });

  it('keeps what a device has forgotten until home itself forgets it', async () => {
    const [first = 0, second = 0] = await days(9, 8);
    assert.deepEqual(keptOf(await prune({ daily: 30 })), [first, second]);
    await requireRestorable(first);
  });

  it('leaves heads that the present keyring opens, when their own is gone', async () => {
    const [first = 0] = await days(9);
    const next = { passphrase: 'battery staple', workFactor: 2 };
    await lab.open(({ pod }) => changePassphrase(pod, { passphrase: PASSPHRASE }, next));
    lab.passphrase = next.passphrase;
    await days(8);
    assert.equal((await readdir(join(podDir, 'keyrings'))).length, 1);
    await requireRestorable(first);
    const restored = await openTree(join(folder(), `target-${restores}`), next);
    await restored.close();
  });

  it('says the same beforehand in a dry run, and changes nothing', async () => {
    await days(9, 8, 7);
    const before = await timesBelow(home);
    const told = await prune({ last: 1 }, true);
    assert.deepEqual(await timesBelow(home), before);
    const { isDryRun: _dry, ...done } = await prune({ last: 1 });
    assert.deepEqual({ ...done, isDryRun: true }, told);
  });

  it('keeps what came within the grace period, needed or not', async () => {
    const seqs = await days(9, 8, 1, 0);
    const orphan = join(podDir, 'packs', 'ab', `${'ab'.repeat(32)}.age`);
    await mkdir(join(podDir, 'packs', 'ab'), { recursive: true });
    await writeFile(orphan, 'of a sync by an older version');
    assert.deepEqual(keptOf(await prune({ last: 1 })), seqs.slice(2));
    await readFile(orphan);
    await utimes(orphan, 0, 0);
    await prune({ last: 1 });
    await assert.rejects(readFile(orphan), { code: 'ENOENT' });
    await requireRestorable(seqs[2] ?? 0);
  });

  it('stops before it deletes anything if it does not know what a head that it keeps needs', async () => {
    const [, second = 0] = await days(9, 8, 7);
    const name = (await readdir(join(podDir, 'inventories'))).find(
      (each) => Number(each.slice(0, 12)) === second,
    );
    const path = join(podDir, 'inventories', name ?? '');
    const whole = await readFile(path);
    await writeFile(path, whole.with(20, (whole[20] ?? 0) ^ 1));
    await utimes(path, new Date(NOW_MS - 8 * DAY_MS), new Date(NOW_MS - 8 * DAY_MS));
    const before = await timesBelow(home);
    const { details } = await expectCode('HOME_DAMAGED', () => prune({ daily: 2 }));
    assert.deepEqual(details.damaged, [`inventories/${name}`]);
    const catalog = await readdir(join(podDir, 'catalog'));
    assert.deepEqual(await timesBelow(home), before);
    // a head that is to be forgotten anyway need not be known
    assert.equal((await prune({ last: 1 })).forgottenCount, 2);
    assert.ok((await readdir(join(podDir, 'catalog'))).length < catalog.length);
  });

  it('stops if a page of the present inventory is gone, or home has a head without one', async () => {
    await days(9, 8);
    const pages = await readdir(join(podDir, 'catalog'));
    const kept = join(folder(), 'catalog');
    await cp(join(podDir, 'catalog'), kept, { recursive: true, preserveTimestamps: true });
    for (const page of pages) await rm(join(podDir, 'catalog', page));
    await expectCode('HOME_DAMAGED', () => prune({ last: 1 }));
    await cp(kept, join(podDir, 'catalog'), { recursive: true, preserveTimestamps: true });
    await prune({ last: 1 });
    await rm(join(podDir, 'inventories'), { recursive: true });
    await expectCode('HOME_DAMAGED', () => prune({ last: 1 }));
  });

  it('lets a head with a time that cannot be displace no other', async () => {
    const seqs = await days(9, 8, 7, 6);
    const wrong = (await readdir(join(podDir, 'inventories'))).find(
      (each) => Number(each.slice(0, 12)) === seqs[1],
    );
    await utimes(join(podDir, 'inventories', wrong ?? ''), new Date(0), new Date(0));
    const { heads } = await prune({ daily: 3 });
    assert.deepEqual(
      heads.map(({ reasons }) => reasons.map(({ rule }) => rule)),
      [['daily'], ['clock'], ['daily'], ['newest', 'head', 'daily']],
    );
  });

  it('takes a head of which something is missing for nothing that another could give way to', async () => {
    const seqs = await days(9, 8, 7);
    const [pack = ''] = await lab.open(async ({ pod }) => pod.state.packs.named.at(-1)?.names ?? []);
    await rm(join(podDir, 'packs', pack.slice(0, 2), `${pack}.age`));
    const report = await prune({ last: 1 });
    assert.deepEqual(keptOf(report), seqs.slice(1));
    assert.deepEqual(report.heads.at(-1)?.lacks, [`packs/${pack.slice(0, 2)}/${pack}.age`]);
    await requireRestorable(seqs[1] ?? 0);
    await assert.rejects(requireRestorable(seqs[2] ?? 0), { code: 'HOME_DAMAGED' });
  });

  it('takes nothing from a sync that comes while it works', async () => {
    await days(9, 8);
    await lab.open(async (tree) => {
      await writeFile(join(lab.dir, 'late'), noise(90_000, 'late'));
      await lab.checkpoint(tree);
      // packs of a sync that was interrupted long ago, which the next one finds and does not send again
      for (const name of tree.pod.state.checkpoints.at(-1)?.packs ?? []) {
        const path = join(podDir, 'packs', name.slice(0, 2), `${name}.age`);
        await mkdir(join(podDir, 'packs', name.slice(0, 2)), { recursive: true });
        await cp(tree.pod.repository.objectPath('packs', name), path);
        await utimes(path, 0, 0);
      }
      const watched = new HomeFolder(podDir);
      const putAside = watched.putAside.bind(watched);
      let late = 0;
      watched.putAside = async (path) => {
        if (late === 0) late = await sync(tree);
        await putAside(path);
      };
      await prune({ last: 1 }, false, watched);
      assert.ok(late > 0);
      await requireRestorable(late);
    });
  });

  it('takes no page from a sync whose inventory has not come yet', async () => {
    await days(9, 8);
    await lab.open(async (tree) => {
      await writeFile(join(lab.dir, 'late'), noise(90_000, 'late'));
      await lab.checkpoint(tree);
      let pages: string[] = [];
      const pruned: LendHome = (url, _settings, work) => {
        const real = openRsyncHome(url);
        const push: Home['push'] = async (repositoryDir, id, objects, options) => {
          if (options?.isUnasked !== true) return real.push(repositoryDir, id, objects, options);
          pages = objects.filter((object) => object.startsWith('catalog/'));
          // what lies there of a sync that was interrupted long ago is not sent again
          for (const page of pages) {
            await cp(join(repositoryDir, page), join(podDir, page));
            await utimes(join(podDir, page), 0, 0);
          }
          await real.push(repositoryDir, id, pages, options);
          await prune({ last: 1 });
          await assert.rejects(readFile(join(podDir, pages[0] ?? '')), { code: 'ENOENT' });
          const inventories = objects.filter((object) => object.startsWith('inventories/'));
          return real.push(repositoryDir, id, inventories, options);
        };
        const home = new Proxy(real, {
          get: (target, name) => {
            const value: unknown = name === 'push' ? push : Reflect.get(target, name);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
        return work({ home });
      };
      const [outcome] = await syncHomes(tree.pod, undefined, QUIET, {}, pruned);
      assert.ok(outcome !== undefined && !('error' in outcome));
      assert.ok(pages.length > 0);
      for (const page of pages) await readFile(join(podDir, page));
      assert.equal((await prune({ last: 1 }, true)).heads.at(-1)?.lacks.length, 0);
    });
  });

  it('may end at any step: every head that it keeps is whole, and the next one finishes', async () => {
    const seqs = await days(9, 8, 7, 6);
    const original = join(folder(), 'original');
    await cp(home, original, { recursive: true, preserveTimestamps: true });
    let crashes = 0;
    for (let step = 0; ; step++) {
      await rm(home, { recursive: true });
      await cp(original, home, { recursive: true, preserveTimestamps: true });
      const isCrashed = await crashAt(step, (at) => prune({ last: 2 }, false, at));
      if (!isCrashed) break;
      crashes++;
      const { heads } = await prune({ last: 9 }, true);
      const whole = heads.filter(({ lacks }) => lacks.length === 0).map(({ seq }) => seq);
      assert.deepEqual(whole.slice(-2), seqs.slice(2), `step ${step}`);
      const again = await prune({ last: 2 });
      assert.deepEqual(keptOf(again), seqs.slice(2));
      assert.equal((await readdir(podDir)).includes('.pruned'), false);
      assert.equal((await prune({ last: 2 }, true)).removedObjects, 0);
    }
    assert.ok(crashes > 10, `${crashes} steps`);
    await requireRestorable(seqs[2] ?? 0);
  });

  /** Lets a prune fail right before one of its changes. */
  async function crashAt(step: number, act: (at: HomeFolder) => Promise<unknown>): Promise<boolean> {
    const at = new HomeFolder(podDir);
    let count = 0;
    for (const name of ['deleteObjects', 'putAside', 'putBack', 'deleteAside', 'closeAside'] as const) {
      const original = (at[name] as (...args: unknown[]) => Promise<void>).bind(at);
      Object.defineProperty(at, name, {
        value: async (...args: unknown[]) => {
          if (count++ === step) throw new Crash();
          await original(...args);
        },
      });
    }
    try {
      await act(at);
      return false;
    } catch (error) {
      if (error instanceof Crash) return true;
      throw error;
    }
  }

  it('is refused for a home elsewhere, and tells each pod’s outcome', async () => {
    await days(9, 8);
    await mkdir(join(home, 'pods', 'ab'.repeat(16)));
    const plan = { policy: { last: 1 }, graceMs: GRACE_MS, nowMs: NOW_MS, isDryRun: true, onProgress: QUIET };
    await expectCode('USAGE', () => pruneHomePods('host:/srv/home', undefined, plan));
    await expectCode('USAGE', () => pruneHomePods(home, undefined, { ...plan, policy: {} }));
    await expectCode('POD_NOT_FOUND', () => pruneHomePods(home, 'xyz', plan));
    await rm(join(podDir, 'inventories'), { recursive: true });
    const outcomes = await pruneHomePods(home, undefined, plan);
    assert.deepEqual(outcomes.map((outcome) => 'error' in outcome).sort(), [false, true]);
  });
});

class Crash extends Error {}

/** When each file below `dir` was last written, by its path there; without the lock of a prune. */
async function timesBelow(dir: string): Promise<Map<string, number>> {
  const found: [string, number][] = [];
  for (const entry of await listBelow(dir)) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && entry.name !== '.prune-lock')
      found.push([path.slice(dir.length + 1), (await lstat(path)).mtimeMs]);
  }
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function listBelow(dir: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { recursive: true, withFileTypes: true });
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOENT');
    return [];
  }
}
