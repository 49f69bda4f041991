// A tree pod with checkpoints and a home, opened in this process, and ways to harm its objects.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { inodePlace } from '../../../src/sync/pod/device-place.ts';
import { requireObjects } from '../../../src/sync/pod/objects-at-home.ts';
import { TREE_POD_DIR, treePodFolder } from '../../../src/sync/pod/pod-folder.ts';
import { rebuildPod } from '../../../src/sync/pod/rebuild.ts';
import { syncHomes } from '../../../src/sync/pod/replicate.ts';
import { beginRestore, endRestore } from '../../../src/sync/pod/restore-folder.ts';
import { stageFiles } from '../../../src/sync/pod/staged-files.ts';
import { surveyPod } from '../../../src/sync/pod/survey.ts';
import { createTree, lockTree, openTree, type Tree } from '../../../src/sync/pod/tree.ts';
import { verifyDevice } from '../../../src/sync/verify/device-verify.ts';
import type { VerifyPlan, VerifyReport } from '../../../src/sync/verify/verify-report.ts';

const PASSPHRASE = 'correct horse battery';

/** A pod to be harmed and healed. */
export interface VerifyLab {
  readonly temp: string;
  readonly dir: string;
  readonly home: string;
  readonly repository: string;
  tree: Tree;
  reopen(): Promise<void>;
  checkpoint(): Promise<number>;
  sync(): Promise<void>;
  verify(plan?: Partial<VerifyPlan>): Promise<VerifyReport>;
  /** The paths of the objects of a kind within a repository, of the device if no other is named. */
  objects(kind: string, repository?: string): string[];
  /** The pod's repository at home. */
  atHome(): string;
  close(): Promise<void>;
}

/** Makes a pod with two checkpoints of files in packs of their own. */
export async function openVerifyLab(): Promise<VerifyLab> {
  const temp = await mkdtemp(join(tmpdir(), 'deskpod-verify-'));
  const [dir, home] = [join(temp, 'pod'), join(temp, 'home')];
  mkdirSync(join(dir, 'folder'), { recursive: true });
  writeFileSync(join(dir, 'letter'), 'a letter');
  writeFileSync(join(dir, 'folder', 'first'), randomBytes(300_000));
  await createTree({ dir, name: 'papers', passphrase: PASSPHRASE, workFactor: 2 });
  const lab: VerifyLab = {
    temp,
    dir,
    home,
    repository: join(dir, '.deskpod', 'repository'),
    tree: await openTree(dir, { passphrase: PASSPHRASE }),
    reopen: async () => {
      await lab.tree.close();
      lab.tree = await openTree(dir, { passphrase: PASSPHRASE });
    },
    checkpoint: async () => (await lab.tree.checkpoint(() => undefined)).number,
    sync: async () => {
      for (const outcome of await syncHomes(lab.tree.pod, undefined, () => undefined))
        if ('error' in outcome) throw outcome.error;
    },
    verify: (plan = {}) =>
      verifyDevice(lab.tree.pod, {
        depth: 'data',
        isHealing: true,
        onProgress: () => undefined,
        openHome: openRsyncHome,
        ...plan,
      }),
    objects: (kind, repository = lab.repository) =>
      readdirSync(join(repository, kind), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(repository.length + 1))
        .sort(),
    atHome: () => join(home, 'pods', lab.tree.pod.state.podId),
    close: async () => {
      await lab.tree.close();
      await rm(temp, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await lab.checkpoint();
  writeFileSync(join(dir, 'folder', 'second'), randomBytes(300_000));
  await lab.checkpoint();
  return lab;
}

/** Makes the lab's home and syncs there. */
export async function bringHome(lab: VerifyLab): Promise<void> {
  await addHome(lab.tree.pod, lab.home);
  await lab.sync();
}

/**
 * Puts another device in the place of the lab's: one that was restored from home to be usable first, so that the packs
 * that only older checkpoints need are not there yet.
 */
export async function goOnUsableFirst(lab: VerifyLab): Promise<void> {
  const { podId } = lab.tree.pod.state;
  await lab.tree.close();
  await rm(lab.dir, { recursive: true });
  await mkdir(lab.dir);
  const surveyed = await surveyPod({
    ...{ home: openRsyncHome(lab.home), podId, credential: { passphrase: PASSPHRASE }, kind: 'tree' },
  });
  const lock = await lockTree(lab.dir);
  await beginRestore(lab.dir);
  await rebuildPod({
    ...{ surveyed: await requireObjects(surveyed, false), folder: treePodFolder(lab.dir), vault: 'none' },
    ...{ files: await stageFiles(lab.dir), place: await inodePlace('folder', join(lab.dir, TREE_POD_DIR)) },
    ...{ startedMs: performance.now(), isUsableFirst: true, onProgress: () => undefined },
  });
  await endRestore(lab.dir);
  lock.release();
  lab.tree = await openTree(lab.dir, { passphrase: PASSPHRASE });
}

/** Ways in which an object's file comes to other bytes. */
export const HARMS: Readonly<Record<string, (path: string) => void>> = {
  'with a byte flipped in its middle': (path) => flip(path, 0.5),
  'with its first byte flipped': (path) => flip(path, 0),
  'with its last byte flipped': (path) => flip(path, 1),
  'cut short': (path) => writeFileSync(path, readFileSync(path).subarray(0, 100)),
  'cut to nothing': (path) => writeFileSync(path, ''),
  'with bytes appended': (path) => writeFileSync(path, 'rot', { flag: 'a' }),
};

function flip(path: string, share: number): void {
  const bytes = readFileSync(path);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * share));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

/** Fails unless every object of a repository has the bytes of its name. */
export function assertSound(lab: VerifyLab, repository = lab.repository): void {
  for (const kind of ['packs', 'segments', 'keyrings']) {
    for (const object of lab.objects(kind, repository)) {
      const actual = createHash('sha256')
        .update(readFileSync(join(repository, object)))
        .digest('hex');
      assert.equal(/([0-9a-f]{64})/.exec(object)?.[1], actual, object);
    }
  }
}

/** The largest of the objects of a kind: of packs, one with files in it. */
export function largest(lab: VerifyLab, kind: string, repository = lab.repository): string {
  const sized = lab.objects(kind, repository).map((path) => ({
    path,
    sizeBytes: readFileSync(join(repository, path)).length,
  }));
  return sized.sort((a, b) => b.sizeBytes - a.sizeBytes)[0]?.path ?? assert.fail(`no ${kind}`);
}
