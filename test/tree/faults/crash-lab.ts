// A pod and its home in a folder, a command whose changes are recorded there, and every state that a crash of it leaves.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_STATUS } from '../../../src/cli/exit-codes.ts';
import { isDeskPodError } from '../../../src/core/errors.ts';
import { operate } from '../../../src/session/operation/operate.ts';
import { type Credential, unlockRepository } from '../../../src/sync/keyring/unlock.ts';
import { treePodFolder } from '../../../src/sync/pod/pod-folder.ts';
import { Repository } from '../../../src/sync/repository/repository.ts';
import { IS_EXHAUSTIVE } from '../../exhaustive.ts';
import { noise } from '../../sync/retention/prune-lab.ts';
import type { Ended } from '../program.ts';
import { filesBelow, openTreeLab, PASSPHRASE, type TreeLab } from '../tree-lab.ts';
import { type CrashState, crashStates } from './crash-states.ts';
import { DriveModel, type Folder } from './drive-model.ts';
import { fingerprint, readFolder, writeFolder } from './drive-state.ts';
import { record } from './recorder.ts';
import { leftovers } from './whole.ts';

/** In so many states of each command it is tried how things go on; in all of them if thoroughness is asked for. */
const GOES_ON_COUNT = 5;
const SETTINGS = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };

/** What is asked of every state. */
export interface Demands {
  /** By the name of a folder in which the command changes something that counts: fails unless that one is whole. */
  readonly holds: Readonly<Record<string, (state: CrashState) => Promise<void>>>;
  /** Does what a user does next; fails unless that brings about what the command was to. */
  readonly goesOn: (state: CrashState) => Promise<void>;
}

/** A lab for one command. */
export class CrashLab {
  readonly tree: TreeLab;
  /** By number: what each checkpoint holds. */
  readonly sealed = new Map<number, ReadonlyMap<string, string>>();

  private constructor(tree: TreeLab) {
    this.tree = tree;
  }

  /** Makes a lab, below `above` if it is given. */
  static async open(above?: string): Promise<CrashLab> {
    return new CrashLab(await openTreeLab(above));
  }

  /** The pod's own folder. */
  get podDir(): string {
    return join(this.tree.dir, '.deskpod');
  }

  async close(): Promise<void> {
    await this.tree.close();
  }

  /** Writes a file that does not compress; another length makes other bytes. */
  async change(name: string, sizeBytes: number): Promise<void> {
    await writeFile(join(this.tree.dir, name), noise(sizeBytes, `${name} ${sizeBytes}`));
  }

  /** Seals the folder as it is, and remembers what it is. */
  async checkpoint(): Promise<number> {
    const number = await this.tree.checkpoint();
    this.sealed.set(number, await filesBelow(this.tree.dir));
    return number;
  }

  /** Forgets all checkpoints but the last on the device. */
  async prune(): Promise<void> {
    await operate(
      this.tree.dir,
      'prune',
      { policy: { last: 1 }, maxUnused: { share: 0 }, isDryRun: false },
      SETTINGS,
    );
  }

  /** Verifies the device and heals it from its home. */
  async heal(): Promise<void> {
    const asked = { depth: 'data', isHealing: true, isGivingUp: false } as const;
    const { failures } = await operate(this.tree.dir, 'verify', asked, SETTINGS);
    assert.deepEqual(failures, []);
  }

  /** Records the command, which must do well, and tries in every state after a crash of it what is demanded. */
  async crash(
    args: readonly string[],
    demands: (ended: Ended) => Promise<Demands> | Demands,
    status: number = EXIT_STATUS.ok,
  ): Promise<void> {
    const { temp, program } = this.tree;
    const start = readFolder(temp);
    const { ended, changes } = await record(program, args, temp);
    assert.equal(ended.status, status, ended.stderr);
    const model = new DriveModel(start, changes);
    requireSame(model.stateAfter(model.length), readFolder(temp));
    await this.#tryAll(crashStates(model), await demands(ended));
  }

  async #tryAll(states: readonly CrashState[], { holds, goesOn }: Demands): Promise<void> {
    const step = IS_EXHAUSTIVE ? 1 : Math.max(1, Math.floor(states.length / GOES_ON_COUNT));
    const known = new Set<string>();
    const tried = new Set<string>();
    for (const [index, state] of states.entries()) {
      const root = state.make();
      for (const drive of Object.keys(holds)) writeFolder(join(this.tree.temp, drive), folderAt(root, drive));
      try {
        for (const [drive, isWhole] of Object.entries(holds)) {
          const folder = folderAt(root, drive);
          const looks = folder === undefined ? '' : fingerprint(folder, () => false);
          if (!known.has(`${drive} ${state.isDone} ${looks}`)) await isWhole(state);
          known.add(`${drive} ${state.isDone} ${looks}`);
        }
        const left = Object.keys(holds).flatMap((drive) =>
          leftovers(join(this.tree.temp, drive)).map(sortOf),
        );
        if ((index + 1) % step === 0 || left.some((sort) => !tried.has(sort))) await goesOn(state);
        for (const sort of left) tried.add(sort);
      } catch (cause) {
        throw new Error(`${state.name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
  }
}

function folderAt(root: Folder, drive: string): Folder | undefined {
  const node = root.names.get(drive);
  return node?.kind === 'folder' ? node : undefined;
}

/** Names that differ by hashes and chance only are of one sort. */
function sortOf(path: string): string {
  return path.replaceAll(/packs\/[0-9a-f]{2}|[0-9a-f]{16,}|[A-Za-z0-9]{6}$|\d+/g, '');
}

/** What the recorder saw is all that happened. */
function requireSame(model: Folder, real: Folder, above = ''): void {
  const none = (): boolean => false;
  if (fingerprint(model, none) === fingerprint(real, none)) return;
  for (const name of new Set([...model.names.keys(), ...real.names.keys()])) {
    const [one, other] = [model.names.get(name), real.names.get(name)];
    const path = `${above}${name}`;
    assert.ok(
      one !== undefined && other !== undefined,
      `${path}: ${one === undefined ? 'not recorded' : 'only recorded'}`,
    );
    if (one.kind === 'folder' && other.kind === 'folder') requireSame(one, other, `${path}/`);
    else if (one.kind === 'file' && other.kind === 'file')
      assert.ok(Buffer.compare(one.bytes, other.bytes) === 0, `${path}: other bytes were recorded`);
    else assert.deepEqual(one, other, path);
  }
}

/** True if this opens the repository of the tree pod in `dir`. */
export async function opens(dir: string, credential: Credential): Promise<boolean> {
  try {
    await unlockRepository(await Repository.open(treePodFolder(dir).repositoryDir), credential);
    return true;
  } catch (error) {
    if (isDeskPodError(error, 'PASSPHRASE_WRONG') || isDeskPodError(error, 'KEYRING_NO_IDENTITY'))
      return false;
    throw error;
  }
}
