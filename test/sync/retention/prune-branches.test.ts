// Pruning a home that keeps branches: each history by the policy on its own, and the newest of each in any case.
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restorePod } from '../../../src/session/pod/restore-pod.ts';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { listBranches } from '../../../src/sync/pod/branches.ts';
import { syncHome } from '../../../src/sync/pod/replicate.ts';
import { createTree, openTree } from '../../../src/sync/pod/tree.ts';
import { HomeFolder } from '../../../src/sync/retention/home-folder.ts';
import { type HomePruneReport, pruneHomeFolder } from '../../../src/sync/retention/prune-home.ts';
import { expectCode } from '../expect-code.ts';
import { noise, QUIET } from './prune-lab.ts';

const CREDENTIAL = { passphrase: 'correct horse' };
/** Long after everything here was received. */
const NOW_MS = Date.now() + 1_000_000_000;

describe('pruning a home that keeps a branch', () => {
  let temp: string;
  let home: string;
  let podId: string;
  let branch: string;
  const podDir = () => join(home, 'pods', podId);

  beforeEach(async () => {
    temp = await mkdtemp(join(tmpdir(), 'deskpod-prune-'));
    home = join(temp, 'home');
    const pod = join(temp, 'pod');
    await mkdir(pod);
    podId = (await createTree({ dir: pod, name: 'papers', ...CREDENTIAL, workFactor: 2 })).podId;
    await seal('pod', 'shared');
    await cp(pod, join(temp, 'copy'), { recursive: true });
    await seal('pod', 'original 1');
    await seal('copy', 'copy 1');
    await seal('pod', 'original 2');
    branch = (await seal('copy', 'copy 2')) ?? '';
  });
  afterEach(() => rm(temp, { recursive: true }));

  /** Writes a file of 100,000 bytes, seals and syncs it; answers with the branch that it is of. */
  const seal = async (name: string, seed: string): Promise<string | undefined> => {
    const dir = join(temp, name);
    await writeFile(join(dir, 'file'), noise(100_000, seed));
    const tree = await openTree(dir, CREDENTIAL);
    try {
      if (tree.pod.state.homes.length === 0) await addHome(tree.pod, home);
      await tree.checkpoint(QUIET);
      const [known] = tree.pod.state.homes;
      assert.ok(known);
      return (await syncHome(tree.pod, known, QUIET)).branch;
    } finally {
      await tree.close();
    }
  };
  const prune = (
    more: { readonly isDryRun?: boolean; readonly forgottenBranch?: string } = {},
    folder = new HomeFolder(podDir()),
  ): Promise<HomePruneReport> =>
    pruneHomeFolder(folder, podId, {
      ...{ policy: { last: 1 }, graceMs: 0, nowMs: NOW_MS, isDryRun: false, onProgress: QUIET },
      ...more,
    });
  /** Fails unless the pod, or a branch of it, can be restored from home with what it held last. */
  const requireRestorable = async (seed: string, of: { readonly branch?: string } = {}): Promise<void> => {
    const copyOfHome = join(temp, 'home-to-read');
    await cp(home, copyOfHome, { recursive: true });
    const target = join(temp, 'restored');
    const plan = { from: copyOfHome, target, credential: CREDENTIAL, isForced: false, onProgress: QUIET };
    await restorePod({ ...plan, ...of });
    assert.deepEqual(await readFile(join(target, 'file')), noise(100_000, seed));
    for (const path of [target, copyOfHome]) await rm(path, { recursive: true });
  };
  const linesOf = ({ heads }: HomePruneReport) =>
    heads.map(({ branch: of, reasons }) => [of === undefined ? 'home' : 'branch', reasons.length > 0]);

  it('keeps the newest head of each, and all that either needs', async () => {
    const report = await prune();
    assert.deepEqual(linesOf(report).sort(), [
      ['branch', false],
      ['branch', true],
      ['home', false],
      ['home', false],
      ['home', true],
    ]);
    assert.equal((await readdir(join(podDir(), 'branches'))).length, 1);
    assert.deepEqual(
      (await listBranches(openRsyncHome(home), podId)).map(({ deviceId }) => deviceId),
      [branch],
    );
    await requireRestorable('original 2');
    await requireRestorable('copy 2', { branch });
    assert.equal((await prune({ isDryRun: true })).removedObjects, 0);
    assert.equal(await seal('copy', 'copy 3'), branch);
    await requireRestorable('copy 3', { branch });
  });

  it('gives up a branch that is named, and nothing that home itself needs', async () => {
    await expectCode('BRANCH_NOT_FOUND', () => prune({ forgottenBranch: 'ffffffffff' }));
    const { freedBytes } = await prune({ forgottenBranch: branch.slice(0, 8) });
    assert.ok(freedBytes > 200_000, `${freedBytes} bytes`);
    assert.deepEqual(await listBranches(openRsyncHome(home), podId), []);
    await requireRestorable('original 2');
    assert.equal(await seal('copy', 'copy 3'), branch);
    await requireRestorable('copy 3', { branch });
  });

  it('gives up none for a name that is empty, though it might mean the only one', async () => {
    await expectCode('USAGE', () => prune({ forgottenBranch: '' }));
    await requireRestorable('copy 2', { branch });
  });

  it('deletes nothing while it is not known what a branch needs', async () => {
    const inventories = join(podDir(), 'inventories');
    const newest = (await readdir(inventories)).sort().at(-1) ?? '';
    await rm(join(inventories, newest));
    await expectCode('HOME_DAMAGED', () => prune());
    await requireRestorable('original 2');
    await requireRestorable('copy 2', { branch });
  });

  it('leaves each history whole wherever it is killed', async () => {
    let step = 0;
    for (; await isKilled(step); step++) {
      const { heads } = await prune({ isDryRun: true });
      const newest = new Map(heads.map((head) => [head.branch, head.lacks]));
      assert.deepEqual(
        [...newest].sort(),
        [
          [branch, []],
          [undefined, []],
        ].sort(),
        `step ${step}`,
      );
    }
    await requireRestorable('original 2');
    await requireRestorable('copy 2', { branch });
    assert.ok(step > 3, `${step} steps`);
    assert.equal((await prune({ isDryRun: true })).removedObjects, 0);
  });

  /** Lets a prune fail right before its change number `step`. False if it came to its end. */
  const isKilled = async (step: number): Promise<boolean> => {
    class Killed extends Error {}
    const folder = new HomeFolder(podDir());
    let count = 0;
    for (const name of ['deleteObjects', 'putAside', 'deleteAside', 'closeAside'] as const) {
      const act = folder[name].bind(folder) as (...args: unknown[]) => Promise<void>;
      Object.defineProperty(folder, name, {
        value: async (...args: unknown[]) => {
          if (count++ === step) throw new Killed();
          await act(...args);
        },
      });
    }
    try {
      await prune({}, folder);
      return false;
    } catch (error) {
      if (error instanceof Killed) return true;
      throw error;
    }
  };
});
