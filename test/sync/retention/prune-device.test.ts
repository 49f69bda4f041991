// A prune of a device: what it frees, what it never touches, and that it may end at any step.
import assert from 'node:assert/strict';
import { cp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../../src/core/errors.ts';
import { packsInForce } from '../../../src/core/packs-in-force.ts';
import { restoreTree } from '../../../src/sync/files/restore.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import type { Pod } from '../../../src/sync/pod/pod.ts';
import { syncHomes } from '../../../src/sync/pod/replicate.ts';
import type { Tree } from '../../../src/sync/pod/tree.ts';
import { readEntries } from '../../../src/sync/repository/chunk-index-refresh.ts';
import { PackFile } from '../../../src/sync/repository/pack-file.ts';
import { keepReserve, measureSpace } from '../../../src/sync/retention/keep-reserve.ts';
import { pruneDevice } from '../../../src/sync/retention/prune-device.ts';
import { expectCode } from '../expect-code.ts';
import { scratchFolder } from '../scratch.ts';
import { crashAt, hashesBelow, noise, PruneLab, QUIET } from './prune-lab.ts';

/** Five checkpoints: a file that changes every time, one that each has alone, and one that all have. */
async function fill(lab: PruneLab, tree: Tree): Promise<void> {
  await writeFile(join(lab.dir, 'common'), noise(40_000, 'common'));
  for (let day = 1; day <= 5; day++) {
    await writeFile(join(lab.dir, 'changing'), noise(60_000, `changing ${day}`));
    await writeFile(join(lab.dir, `of-${day}`), noise(120_000, `of ${day}`));
    await rm(join(lab.dir, `of-${day - 2}`), { force: true });
    await lab.checkpoint(tree);
  }
}

function numbersOf({ state }: Pod): number[] {
  return state.checkpoints.map(({ number }) => number);
}

/** Fails unless the files of packs are those in force, and no others. */
async function requireTidy({ repository, state }: Pod): Promise<void> {
  const present = await readdir(join(repository.dir, 'packs'), { recursive: true });
  const names = present.flatMap((name) => /([0-9a-f]{64})\.age$/.exec(name)?.[1] ?? []);
  assert.deepEqual(names.sort(), [...packsInForce(state.packs).keys()].sort());
}

/** The bytes of every file of a pod but those that only opening it changes. */
async function snapshotOf(lab: PruneLab): Promise<Map<string, string>> {
  const files = await hashesBelow(join(lab.dir, '.deskpod'));
  return new Map([...files].filter(([name]) => !name.startsWith('level/') && name !== 'lock'));
}

describe('a prune of a device', () => {
  const folder = scratchFolder();
  let lab: PruneLab;

  beforeEach(async () => {
    lab = await PruneLab.create(folder());
  });

  it('forgets what the policy does not keep, frees its space, and leaves the rest whole', async () => {
    await lab.open(async (tree) => {
      await fill(lab, tree);
      const report = await lab.prune(tree, { last: 2 });
      assert.deepEqual(report.forgotten, [1, 2, 3]);
      assert.deepEqual(numbersOf(tree.pod), [4, 5]);
      assert.ok(report.freedBytes > 3 * 60_000, `${report.freedBytes}`);
      assert.ok(report.droppedPacks > 0 && report.repackedPacks > 0 && report.addedPacks > 0);
      await requireTidy(tree.pod);
      await lab.requireWhole(tree);
      const events = (await tree.pod.events(1)).map(({ event }) => event.type);
      assert.deepEqual(events.slice(events.indexOf('checkpoints.forgotten')), [
        'checkpoints.forgotten',
        'packs.pruned',
        'packs.pruned',
      ]);
      assert.equal((await tree.pod.readHead())?.seq, tree.pod.state.seq);
      await expectCode('CHECKPOINT_NOT_FOUND', async () =>
        tree.pod.append({ type: 'forgetCheckpoints', numbers: [2], policy: '' }),
      );
    });
    await lab.open(async (tree) => {
      await lab.requireWhole(tree);
      assert.equal(await lab.checkpoint(tree), 6);
      await lab.requireWhole(tree);
      const again = await lab.prune(tree, { last: 5 });
      assert.deepEqual([again.forgotten, again.droppedPacks, again.repackedPacks], [[], 0, 0]);
    });
  });

  it('says the same beforehand in a dry run, and changes nothing', async () => {
    await lab.open((tree) => fill(lab, tree));
    const before = await snapshotOf(lab);
    await lab.open(async (tree) => {
      const request = { policy: { last: 2 }, maxUnused: { share: 0 } };
      const told = await pruneDevice(tree.pod, { ...request, isDryRun: true }, QUIET);
      assert.deepEqual(await snapshotOf(lab), before);
      const done = await pruneDevice(tree.pod, { ...request, isDryRun: false }, QUIET);
      assert.deepEqual(
        [told.forgotten, told.droppedPacks, told.repackedPacks, told.leftUnusedBytes],
        [done.forgotten, done.droppedPacks, done.repackedPacks, done.leftUnusedBytes],
      );
      assert.ok(Math.abs(told.freedBytes - done.freedBytes) < 5000);
    });
  });

  it('leaves as much waste as it may, and copies nothing for less', async () => {
    await lab.open(async (tree) => {
      await fill(lab, tree);
      const report = await lab.prune(tree, { last: 1 }, 1);
      assert.equal(report.repackedPacks, 0);
      assert.ok(report.droppedPacks > 0 && report.leftUnusedBytes > 0);
      await lab.requireWhole(tree);
      const rest = await lab.prune(tree, { last: 1 });
      assert.ok(rest.repackedPacks > 0);
      assert.equal(rest.leftUnusedBytes, 0);
      await lab.requireWhole(tree);
    });
  });

  it('refuses a policy that keeps nothing, and does nothing to a pod without checkpoints', async () => {
    await lab.open(async (tree) => {
      await tree.pod.content.writeChunks([noise(200_000, 'interrupted')], 'data');
      await tree.pod.content.flush();
      await expectCode('USAGE', () => lab.prune(tree, { daily: 0 }));
      await lab.prune(tree, { last: 1 });
      assert.equal((await tree.pod.repository.listObjects('packs')).length, 1);
    });
  });

  it('stores content again that it had removed', async () => {
    await lab.open(async (tree) => {
      await fill(lab, tree);
      await lab.prune(tree, { last: 1 });
      await writeFile(join(lab.dir, 'back'), noise(120_000, 'of 1'));
      await writeFile(join(lab.dir, 'changing'), noise(60_000, 'changing 1'));
      await lab.checkpoint(tree);
      await lab.requireWhole(tree);
    });
    await lab.open((tree) => lab.requireWhole(tree));
  });

  it('deletes nothing if something that is to be kept is missing, and goes on when it is back', async () => {
    await lab.open((tree) => fill(lab, tree));
    await lab.open(async ({ pod }) => {
      const pack = pod.state.checkpoints.at(-1)?.packs[0] ?? '';
      const path = pod.repository.objectPath('packs', pack);
      const bytes = await readFile(path);
      await rm(path);
      const before = await snapshotOf(lab);
      await assert.rejects(
        pruneDevice(pod, { policy: { last: 1 }, maxUnused: { share: 0 }, isDryRun: false }, QUIET),
        ({ code }: DeskPodError) => code === 'CHUNK_MISSING' || code === 'OBJECT_MISSING',
      );
      assert.deepEqual(await snapshotOf(lab), before);
      await writeFile(path, bytes);
    });
    await lab.open(async (tree) => {
      await lab.prune(tree, { last: 1 });
      await lab.requireWhole(tree);
    });
  });

  it('leaves a pack as it is if its needed part cannot be proven, and says so', async () => {
    await lab.open((tree) => fill(lab, tree));
    await lab.open(async (tree) => {
      const name = await packOf(tree.pod, 40_000);
      const path = tree.pod.repository.objectPath('packs', name);
      const whole = await readFile(path);
      await damageChunk(tree.pod, name, 40_000);
      const report = await lab.prune(tree, { last: 1 });
      assert.deepEqual(report.damagedPacks, [name]);
      assert.ok(packsInForce(tree.pod.state.packs).has(name));
      await writeFile(path, whole);
      assert.deepEqual((await lab.prune(tree, { last: 1 })).damagedPacks, []);
      await requireTidy(tree.pod);
      await lab.requireWhole(tree);
    });
  });

  it('copies what is whole out of a pack that is damaged where nobody needs it', async () => {
    await lab.open((tree) => fill(lab, tree));
    await lab.open(async (tree) => {
      const name = await packOf(tree.pod, 40_000);
      await damageChunk(tree.pod, name, 120_000);
      const report = await lab.prune(tree, { last: 1 });
      assert.deepEqual(report.damagedPacks, []);
      assert.ok(!packsInForce(tree.pod.state.packs).has(name));
      await requireTidy(tree.pod);
    });
    await lab.open((tree) => lab.requireWhole(tree));
  });

  it('relies on the copy of a chunk only if it has read it, and does away with one that is damaged', async () => {
    await lab.open(async (tree) => {
      await fill(lab, tree);
      const isLastAppend = (name: string, nth: number): boolean => name === 'append' && nth === 2;
      await crashAt(tree.pod, 'copies', isLastAppend, () => lab.prune(tree, { last: 1 }));
    });
    // the copies of the prune that was interrupted lie beside what they were made from
    await lab.open(async (tree) => {
      const inForce = packsInForce(tree.pod.state.packs);
      const copies = (await tree.pod.repository.listObjects('packs')).filter((name) => !inForce.has(name));
      assert.equal(copies.length, 1);
      for (const name of copies) await damageChunk(tree.pod, name, 40_000);
      const report = await lab.prune(tree, { last: 1 });
      assert.deepEqual(report.damagedPacks, copies);
      assert.ok(!packsInForce(tree.pod.state.packs).has(copies[0] ?? ''));
      await requireTidy(tree.pod);
    });
    await lab.open((tree) => lab.requireWhole(tree));
  });

  it('counts on no chunk of a removed pack whose file still lies there', async () => {
    await lab.open(async (tree) => {
      await fill(lab, tree);
      await crashAt(
        tree.pod,
        'before deleting',
        (name) => name === 'deleteRemovedPacks',
        () => lab.prune(tree, { last: 1 }),
      );
    });
    await lab.open(async (tree) => {
      assert.ok((await tree.pod.repository.listRemovedPacks()).length > 0);
      await writeFile(join(lab.dir, 'again'), noise(120_000, 'of 1'));
      await lab.checkpoint(tree);
      await lab.prune(tree, { last: 9 });
      assert.deepEqual(await tree.pod.repository.listRemovedPacks(), []);
      await requireTidy(tree.pod);
      await lab.requireWhole(tree);
    });
  });

  it('deletes again what a power cut brought back', async () => {
    const kept = join(folder(), 'packs');
    await lab.open(async (tree) => {
      await fill(lab, tree);
      await cp(join(tree.pod.repository.dir, 'packs'), kept, { recursive: true });
      await lab.prune(tree, { last: 1 });
      await cp(kept, join(tree.pod.repository.dir, 'packs'), { recursive: true });
    });
    await lab.open(async (tree) => {
      await lab.requireWhole(tree);
      assert.ok((await lab.prune(tree, { last: 1 })).freedBytes > 0);
      await requireTidy(tree.pod);
      await lab.requireWhole(tree);
    });
  });

  it('stops when something else is asked for: before it has done anything, or after what it has begun', async () => {
    await lab.open((tree) => fill(lab, tree));
    await lab.open(async ({ pod }) => {
      const request = { policy: { last: 1 }, maxUnused: { share: 0 }, isDryRun: false };
      for (const step of ['reading checkpoints', 'reading packs', 'removing packs']) {
        const asked = new AbortController();
        const prune = pruneDevice(
          pod,
          request,
          (progress) => progress.step === step && asked.abort('suspend'),
          asked.signal,
        );
        if (step === 'removing packs') {
          const { stoppedFor, droppedPacks, repackedPacks } = await prune;
          assert.deepEqual([stoppedFor, droppedPacks > 0, repackedPacks], ['suspend', true, 0]);
        } else {
          await expectCode('CANCELLED', () => prune);
          assert.equal(numbersOf(pod).length, 5);
        }
      }
      const { stoppedFor, repackedPacks } = await pruneDevice(pod, request, QUIET);
      assert.deepEqual([stoppedFor, repackedPacks > 0], [undefined, true]);
    });
    await lab.open((tree) => lab.requireWhole(tree));
  });

  it('makes room on a drive that is too full to publish', async () => {
    await lab.open(async (tree) => {
      await fill(lab, tree);
      const { pod } = tree;
      const publish = pod.publish.bind(pod);
      let refusals = 0;
      Object.defineProperty(pod, 'publish', {
        value: async () => {
          if (refusals++ === 0) throw new DeskPodError('SPACE_EXHAUSTED', 'there is no space left');
          return publish();
        },
      });
      const report = await lab.prune(tree, { last: 1 });
      assert.ok(report.droppedPacks > 0 && refusals > 1);
      await requireTidy(pod);
      await lab.requireWhole(tree);
    });
  });

  it('lets others read what is kept meanwhile', async () => {
    await lab.open(async (tree) => {
      await fill(lab, tree);
      const { pod } = tree;
      let isOver = false;
      const reading = (async () => {
        const files = pod.state.checkpoints.at(-1)?.files;
        for (let nth = 0; !isOver && files !== undefined; nth++) {
          const target = join(folder(), `read-${nth}`);
          await restoreTree(files, pod.content, target);
          assert.deepEqual(await hashesBelow(target), lab.sealed.get(5));
        }
      })();
      await lab.prune(tree, { last: 1 });
      isOver = true;
      await reading;
    });
  });

  it('may end at any step: what is kept is whole, and the next one finishes', async () => {
    await lab.open((tree) => fill(lab, tree));
    const original = join(folder(), 'original');
    await cp(lab.dir, original, { recursive: true });
    let crashes = 0;
    for (let step = 0; ; step++) {
      await rm(lab.dir, { recursive: true });
      await cp(original, lab.dir, { recursive: true });
      const isCrashed = await lab.open((tree) =>
        crashAt(
          tree.pod,
          `step ${step}`,
          (_name, _nth, count) => count === step,
          () => lab.prune(tree, { last: 2 }),
        ),
      );
      if (!isCrashed) break;
      crashes++;
      await lab.open(async (tree) => {
        const numbers = numbersOf(tree.pod);
        assert.ok(numbers.length === 2 || numbers.length === 5, `step ${step}: ${numbers}`);
        await lab.requireWhole(tree);
        await lab.prune(tree, { last: 2 });
        assert.deepEqual(numbersOf(tree.pod), [4, 5]);
        assert.equal((await tree.pod.readHead())?.seq, tree.pod.state.seq);
        await requireTidy(tree.pod);
        await lab.requireWhole(tree);
      });
    }
    assert.ok(crashes >= 10, `${crashes} steps`);
  });

  it('for room takes nothing if all that may go would not make enough of it', async () => {
    await lab.open(async (tree) => {
      const { pod } = tree;
      await fill(lab, tree);
      await addHome(pod, join(folder(), 'home'));
      for (const outcome of await syncHomes(pod, undefined, QUIET)) assert.ok(!('error' in outcome));
      const keep = async (moreBytes: number) => {
        const { freeBytes } = await measureSpace(pod);
        await pod.append({ type: 'setReserve', reserveBytes: freeBytes + moreBytes });
        return keepReserve(pod, { onProgress: QUIET });
      };
      // other programs use the same drive: what is asked for is far from what can be had
      for (let time = 0; time < 2; time++) {
        const { forgotten, failure } = await keep(2 ** 30);
        assert.deepEqual([forgotten, failure], [[], undefined]);
        assert.ok(pod.state.scheduling.shortage !== undefined);
      }
      assert.deepEqual(numbersOf(pod), [1, 2, 3, 4, 5]);
    });
  });
});

/** The pack that holds a chunk of this length. */
async function packOf({ repository, secrets }: Pod, plainLength: number): Promise<string> {
  for (const name of await repository.listObjects('packs')) {
    const entries = await readEntries(repository, name, secrets.identity);
    if (entries.some((entry) => entry.plainLength === plainLength)) return name;
  }
  return assert.fail(`expected a chunk of ${plainLength} bytes, got none`);
}

/** Flips a byte of the chunk of this length. */
async function damageChunk({ repository, secrets }: Pod, name: string, plainLength: number): Promise<void> {
  const pack = await PackFile.open(repository, name, secrets.identity);
  const entry = (await pack.entries()).find((each) => each.plainLength === plainLength);
  const { payloadOffset } = pack.shared.parts;
  await pack.close();
  assert.ok(entry !== undefined);
  const middle = entry.offset + Math.floor(entry.storedLength / 2);
  const file = await open(repository.objectPath('packs', name), 'r+');
  try {
    const at = payloadOffset + Math.floor(middle / 65_536) * (65_536 + 16) + (middle % 65_536);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  } finally {
    await file.close();
  }
}
