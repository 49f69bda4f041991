// A place for tree pods in a test: a temporary folder, a pod whose passphrase is cheap to check, and the program.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OperateOptions, operate } from '../../src/session/operation/operate.ts';
import { restorePod } from '../../src/session/pod/restore-pod.ts';
import { fromWireError } from '../../src/session/supervisor/wire.ts';
import type { SyncReport } from '../../src/sync/pod/replicate.ts';
import { createTree } from '../../src/sync/pod/tree.ts';
import { HomeFolder } from '../../src/sync/retention/home-folder.ts';
import { pruneHomeFolder } from '../../src/sync/retention/prune-home.ts';
import { Program } from './program.ts';

/** Of every pod that a lab makes. */
export const PASSPHRASE = 'correct horse battery';
const SETTINGS: OperateOptions = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };

/** A folder of one test with a tree pod in it. */
export interface TreeLab {
  readonly temp: string;
  /** The folder that is the pod. */
  readonly dir: string;
  /** Where its home will be; nothing is there yet. */
  readonly home: string;
  readonly podId: string;
  readonly recoveryKey: string;
  readonly program: Program;
  /** The arguments by which a command finds this pod. */
  readonly at: readonly string[];
  /** Seals a checkpoint and answers with its number. It, `sync` and `bringHome` arrange a test without the program. */
  checkpoint(): Promise<number>;
  sync(): Promise<void>;
  /** Writes `text` into the letter of the pod in a folder of `temp`, and seals a checkpoint. */
  write(name: string, text: string): Promise<number>;
  /** What a sync of the pod in a folder of `temp` did at its only home. */
  report(name: string): Promise<SyncReport>;
  /** Makes the home, checkpoints, and syncs. */
  bringHome(): Promise<void>;
  /** The arguments that restore this pod to `name` in `temp`. */
  restoreTo(name: string): readonly string[];
  /** Restores to `name` in `temp` without the program, from this home or another copy of it. */
  restoreHere(name: string, what: { readonly from?: string; readonly checkpoint?: number }): Promise<void>;
  /** Lets the pod in a folder of `temp` forget all checkpoints but the last, syncs it, and lets home forget as much. */
  forgetAllButLast(name: string): Promise<void>;
  /** Fails unless home has all that the pod in a folder of `temp` consists of, undamaged. */
  requireWholeHome(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Makes a lab, somewhere or below `above`; close it in an `afterEach`. */
export async function openTreeLab(above: string = tmpdir()): Promise<TreeLab> {
  const temp = await mkdtemp(join(above, 'deskpod-tree-'));
  const [dir, home, passphraseFile] = ['pod', 'home', 'passphrase'].map((name) => join(temp, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(join(dir, 'folder'), { recursive: true });
  await writeFile(join(dir, 'letter.txt'), 'a letter\n');
  await writeFile(join(dir, 'folder', 'note.txt'), 'a note\n');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`);
  // Killed commands leave their temporary folders: here they go with the test.
  const program = new Program({ env: { DESKPOD_PASSPHRASE_FILE: passphraseFile, TMPDIR: temp } });
  const { podId, recoveryKey } = await createTree({
    dir,
    name: 'papers',
    passphrase: PASSPHRASE,
    workFactor: 2,
  });
  const at = ['-d', dir];
  return {
    temp,
    dir,
    home,
    podId,
    recoveryKey,
    program,
    at,
    checkpoint: async () => (await operate(dir, 'checkpoint', {}, SETTINGS)).number,
    sync: () => syncAll(dir),
    write: async (name, text) => {
      await writeFile(join(temp, name, 'letter.txt'), text);
      return (await operate(join(temp, name), 'checkpoint', {}, SETTINGS)).number;
    },
    report: async (name) => {
      const [report] = (await operate(join(temp, name), 'sync', {}, SETTINGS)).homes;
      assert.ok(report);
      if ('error' in report) throw fromWireError(report.error);
      return report;
    },
    bringHome: async () => {
      await operate(dir, 'home-add', { url: home }, SETTINGS);
      await operate(dir, 'checkpoint', {}, SETTINGS);
      await syncAll(dir);
    },
    restoreTo: (name) => ['restore', '--from', home, '--to', join(temp, name)],
    restoreHere: async (name, { from = home, checkpoint }) => {
      await restorePod({
        from,
        target: join(temp, name),
        credential: { passphrase: PASSPHRASE },
        isForced: false,
        onProgress: () => undefined,
        ...(checkpoint === undefined ? {} : { checkpoint }),
      });
    },
    forgetAllButLast: async (name) => {
      const there = join(temp, name);
      const policy = { last: 1 };
      await operate(there, 'prune', { policy, maxUnused: { share: 0 }, isDryRun: false }, SETTINGS);
      await syncAll(there);
      await pruneHomeFolder(new HomeFolder(join(home, 'pods', podId)), podId, {
        ...{ policy, graceMs: 0, isDryRun: false, onProgress: () => undefined },
        nowMs: Date.now() + 1_000_000_000, // long after everything there was received
      });
    },
    requireWholeHome: async (name) => {
      const asked = { home, depth: 'data', isHealing: false, isGivingUp: false } as const;
      const { damage, faults } = await operate(join(temp, name), 'verify', asked, SETTINGS);
      assert.deepEqual([damage, faults], [[], []]);
    },
    close: async () => {
      await program.close();
      await rm(temp, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function syncAll(dir: string): Promise<void> {
  const { homes } = await operate(dir, 'sync', {}, SETTINGS);
  for (const outcome of homes) if ('error' in outcome) throw fromWireError(outcome.error);
}

/** The hash of every file below `dir` by its path there, without what belongs to the pod itself. */
export async function filesBelow(dir: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(dir.length + 1);
    if (!entry.isFile() || path.startsWith('.deskpod')) continue;
    found.set(
      path,
      createHash('sha256')
        .update(await readFile(join(dir, path)))
        .digest('hex'),
    );
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Fails unless both folders have the same files. */
export async function assertSameFiles(actualDir: string, expectedDir: string): Promise<void> {
  assert.deepEqual(await filesBelow(actualDir), await filesBelow(expectedDir));
}

/** Puts a copy of `from` in the place of `to`, whatever is there. */
export async function replaceByCopy(from: string, to: string): Promise<void> {
  await cp(from, `${to}.copy`, { recursive: true, preserveTimestamps: true });
  await rm(to, { recursive: true, force: true });
  await rename(`${to}.copy`, to);
}
