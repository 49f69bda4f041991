// Commands that end anywhere, by a kill or a power cut: every prefix of what a real run wrote opens to a complete head.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_STATUS } from '../../../src/cli/exit-codes.ts';
import { hashObjects } from '../../../src/sync/home/home-verification.ts';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { openKeyring } from '../../../src/sync/keyring/unlock.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { addRecoveryKey } from '../../../src/sync/pod/change-keys.ts';
import { createTree, openTree } from '../../../src/sync/pod/tree.ts';
import { pruneHomePods } from '../../../src/sync/retention/prune-home-pods.ts';
import { IS_EXHAUSTIVE } from '../../exhaustive.ts';
import { filesBelow, PASSPHRASE } from '../tree-lab.ts';
import { CrashLab, opens } from './crash-lab.ts';
import { leftovers, requireWholeHeads, requireWholeHome, requireWholePod } from './whole.ts';

const CREDENTIAL = { passphrase: PASSPHRASE };

describe('a command that crashes at any point', function () {
  this.timeout(IS_EXHAUSTIVE ? 3_600_000 : 180_000);
  let lab: CrashLab;
  let dir: string;
  let home: string;
  let podId: string;
  beforeEach(async () => {
    lab = await CrashLab.open();
    ({ dir, home, podId } = lab.tree);
  });
  afterEach(async () => {
    await lab.close();
  });

  for (const which of ['first', 'second'])
    it(`leaves of a ${which} checkpoint what was there or the new one, and the next one seals`, async () => {
      await lab.change('large', 400_000);
      if (which === 'second') {
        await lab.checkpoint();
        await lab.change('large', 500_000);
      }
      const before = lab.sealed.size;
      await lab.crash(['checkpoint', ...lab.tree.at], async () => {
        lab.sealed.set(before + 1, await filesBelow(dir));
        return {
          holds: {
            pod: async ({ isDone }) => {
              const { checkpoints } = await requireWholePod(dir, lab.sealed);
              assert.ok(checkpoints.length >= (isDone ? before + 1 : before));
            },
          },
          goesOn: async () => {
            const number = await lab.checkpoint();
            const { checkpoints } = await requireWholePod(dir, lab.sealed);
            assert.equal(checkpoints.length, number);
            assert.deepEqual(leftovers(lab.podDir), []);
          },
        };
      });
    });

  for (const which of ['first', 'second'])
    it(`leaves after a ${which} sync a home with its former head or the new one, whole, and the next one goes on`, async () => {
      await lab.tree.program.answer(['home', 'add', home, ...lab.tree.at]);
      await lab.change('large', 400_000);
      await lab.checkpoint();
      if (which === 'second') {
        await lab.tree.sync();
        await lab.change('large', 500_000);
        await lab.checkpoint();
      }
      const all = lab.sealed.size;
      await lab.crash(['sync', ...lab.tree.at], () => ({
        holds: {
          pod: async () => {
            assert.equal((await requireWholePod(dir, lab.sealed)).checkpoints.length, all);
          },
          home: async ({ isDone }) => {
            const atHome = (await requireWholeHome(home, podId, lab.sealed))?.checkpoints.length ?? 0;
            assert.ok(isDone ? atHome === all : atHome === all || atHome === all - 1);
          },
        },
        goesOn: async () => {
          await lab.tree.sync();
          assert.equal((await requireWholeHome(home, podId, lab.sealed))?.checkpoints.length, all);
          assert.deepEqual([...leftovers(home), ...leftovers(lab.podDir)], []);
        },
      }));
    });

  it('leaves after a prune of the device every checkpoint that its log has whole, and the next one ends it', async () => {
    for (const sizeBytes of [400_000, 300_000, 350_000]) {
      await lab.change('large', sizeBytes);
      await lab.change(`kept ${sizeBytes}`, 20_000);
      await lab.checkpoint();
    }
    const args = ['prune', '--keep-last', '1', '--max-unused', '0', ...lab.tree.at];
    await lab.crash(args, () => ({
      holds: {
        pod: async ({ isDone }) => {
          const { checkpoints } = await requireWholePod(dir, lab.sealed);
          assert.equal(checkpoints.at(-1)?.number, 3);
          assert.ok(checkpoints.length === 1 || (checkpoints.length === 3 && !isDone));
        },
      },
      goesOn: async () => {
        await lab.prune();
        const { checkpoints, packs } = await requireWholePod(dir, lab.sealed);
        assert.equal(checkpoints.length, 1);
        const removed = new Set(packs.removed);
        assert.ok(
          !filesIn(join(lab.podDir, 'repository', 'packs')).some((name) => removed.has(name.slice(0, 64))),
        );
        assert.deepEqual(leftovers(lab.podDir), []);
      },
    }));
  });

  it('leaves after a prune at home its head whole, and the next one ends it', async () => {
    await lab.change('large', 400_000);
    await lab.checkpoint();
    await lab.tree.program.answer(['home', 'add', home, ...lab.tree.at]);
    await lab.tree.sync();
    await lab.change('large', 300_000);
    await lab.checkpoint();
    await lab.prune();
    await lab.tree.sync();
    const packs = join(home, 'pods', podId, 'packs');
    const before = filesIn(packs).length;
    await lab.crash(['home', 'prune', home, '--keep-last', '1', '--grace', '0s'], () => ({
      holds: {
        home: async () => {
          assert.equal((await requireWholeHome(home, podId, lab.sealed))?.checkpoints.length, 1);
          await requireWholeHeads(home, podId);
        },
      },
      goesOn: async () => {
        const plan = { policy: { last: 1 }, graceMs: 0, nowMs: Date.now() + 60_000, isDryRun: false };
        for (const outcome of await pruneHomePods(home, undefined, { ...plan, onProgress: () => undefined }))
          if ('error' in outcome) throw outcome.error;
        await requireWholeHome(home, podId, lab.sealed);
        assert.ok(filesIn(packs).length < before);
        assert.deepEqual(leftovers(home), []);
      },
    }));
  });

  it('leaves after a change of keys the former ones or the new ones, and the next change is made', async () => {
    await lab.checkpoint();
    const former = lab.tree.recoveryKey;
    await lab.crash(['keys', 'recovery', '--replace', ...lab.tree.at], ({ stdout }) => {
      const { recoveryKey: next } = JSON.parse(stdout) as { recoveryKey: string };
      return {
        holds: {
          pod: async ({ isDone }) => {
            await requireWholePod(dir, lab.sealed);
            const isNew = await opens(dir, { recoveryKey: next });
            assert.notEqual(isNew, await opens(dir, { recoveryKey: former }));
            assert.ok(isNew || !isDone);
          },
        },
        goesOn: async () => {
          const tree = await openTree(dir, CREDENTIAL);
          try {
            const { recoveryKey } = await addRecoveryKey(tree.pod, CREDENTIAL, { isReplacing: true });
            const keyring = await tree.pod.repository.listObjects('keyrings');
            assert.equal(keyring.length, 1);
            await openKeyring(await tree.pod.repository.readObject('keyrings', keyring[0] ?? ''), {
              recoveryKey,
            });
          } finally {
            await tree.close();
          }
        },
      };
    });
  });

  it('leaves of a restore a place that the same command fills, or the whole pod; home stays whole', async () => {
    await lab.change('large', 400_000);
    await lab.checkpoint();
    await lab.tree.bringHome();
    lab.sealed.set(2, await filesBelow(dir));
    const back = join(lab.tree.temp, 'back');
    const files = await filesBelow(dir);
    await lab.crash(lab.tree.restoreTo('back'), () => ({
      holds: {
        back: async ({ isDone }) => {
          const isPod = existsSync(join(back, '.deskpod', 'deskpod.pod'));
          assert.ok(isPod || !isDone);
          // files without it would be taken for somebody's
          const isBegun = existsSync(join(back, '.deskpod'));
          assert.ok(isBegun || !existsSync(back) || (await filesBelow(back)).size === 0);
          if (!isPod) return;
          await requireWholePod(back, lab.sealed);
          assert.deepEqual(await filesBelow(back), files);
        },
        home: async () => {
          assert.ok(await requireWholeHome(home, podId, lab.sealed));
        },
      },
      goesOn: async () => {
        // a whole pod may not have told home that it is there
        if (existsSync(join(back, '.deskpod', 'deskpod.pod'))) await lab.tree.report('back');
        else await lab.tree.restoreHere('back', {});
        await requireWholePod(back, lab.sealed);
        assert.deepEqual(await filesBelow(back), files);
        assert.deepEqual([...leftovers(join(back, '.deskpod')), ...leftovers(home)], []);
      },
    }));
  });

  it('leaves of a healing the damaged object or the whole one, and the next one heals', async () => {
    await lab.change('large', 400_000);
    await lab.checkpoint();
    await lab.tree.bringHome();
    const repository = join(lab.podDir, 'repository');
    const [pack = ''] = readdirSync(join(repository, 'packs'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.age'),
    );
    const bytes = readFileSync(join(repository, 'packs', pack));
    bytes.fill(0, bytes.length - 200);
    writeFileSync(join(repository, 'packs', pack), bytes);
    lab.sealed.set(2, await filesBelow(dir));
    const damaged = async () => (await hashObjects(repository)).damaged;
    assert.deepEqual(await damaged(), [`packs/${pack}`]);
    await lab.crash(
      ['verify', '--read-data', ...lab.tree.at],
      () => ({
        holds: {
          pod: async ({ isDone }) => {
            const found = await damaged();
            assert.ok(found.length === 0 || (!isDone && found.length === 1 && found[0] === `packs/${pack}`));
          },
          home: async () => {
            assert.ok(await requireWholeHome(home, podId, lab.sealed));
          },
        },
        goesOn: async () => {
          await lab.heal();
          await requireWholePod(dir, lab.sealed);
          assert.deepEqual(leftovers(lab.podDir), []);
        },
      }),
      EXIT_STATUS.healed,
    );
  });

  it('leaves of a making of a home a place that becomes one', async () => {
    await lab.crash(['home', 'add', home, ...lab.tree.at], () => ({
      holds: {
        pod: async ({ isDone }) => {
          const { homes } = await requireWholePod(dir, lab.sealed);
          if (homes.length > 0) assert.equal((await openRsyncHome(home).probe()).state, 'ready');
          assert.ok(homes.length > 0 || !isDone);
        },
        home: async () => undefined,
      },
      goesOn: async () => {
        const tree = await openTree(dir, CREDENTIAL);
        try {
          if (tree.pod.state.homes.length === 0) await addHome(tree.pod, home);
          assert.equal((await openRsyncHome(home).probe()).state, 'ready');
        } finally {
          await tree.close();
        }
      },
    }));
  });

  it('leaves of a making of a pod none, or one that opens', async () => {
    const made = join(lab.tree.temp, 'made');
    await mkdir(made);
    writeFileSync(join(made, 'mine'), 'mine');
    await lab.crash(['create', '--tree', made], () => ({
      holds: {
        made: async ({ isDone }) => {
          assert.equal(readFileSync(join(made, 'mine'), 'utf8'), 'mine');
          const isPod = existsSync(join(made, '.deskpod', 'deskpod.pod'));
          if (isPod) await requireWholePod(made, lab.sealed);
          assert.ok(isPod || !isDone);
        },
      },
      goesOn: async () => {
        if (existsSync(join(made, '.deskpod', 'deskpod.pod'))) return;
        await createTree({ dir: made, name: 'made', passphrase: PASSPHRASE, workFactor: 2 });
        await requireWholePod(made, lab.sealed);
      },
    }));
  });
});

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.age'))
    .map((path) => path.slice(path.lastIndexOf('/') + 1));
}
