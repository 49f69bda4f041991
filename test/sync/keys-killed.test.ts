// A change of keys that is killed, at every step of it: the pod opens with the former slots or with the new ones.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, statSync } from 'node:fs';
import fs, { mkdir, readdir } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { type Credential, unlockRepository } from '../../src/sync/keyring/unlock.ts';
import {
  addPassphrase,
  addRecoveryKey,
  changePassphrase,
  listKeys,
  removeKey,
} from '../../src/sync/pod/change-keys.ts';
import type { Pod } from '../../src/sync/pod/pod.ts';
import { treePodFolder } from '../../src/sync/pod/pod-folder.ts';
import { createTree, openTree } from '../../src/sync/pod/tree.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';

const workFactor = 1;
const former = { passphrase: 'correct horse' };
const next = { passphrase: 'battery staple' };

async function withPod<T>(at: string, credential: Credential, act: (pod: Pod) => Promise<T>): Promise<T> {
  const tree = await openTree(at, credential);
  try {
    return await act(tree.pod);
  } finally {
    await tree.close();
  }
}

async function opens(at: string, credential: Credential): Promise<boolean> {
  try {
    const { repositoryDir } = treePodFolder(at);
    await unlockRepository(await Repository.open(repositoryDir), credential);
    return true;
  } catch (error) {
    if (isDeskPodError(error, 'PASSPHRASE_WRONG') || isDeskPodError(error, 'KEYRING_NO_IDENTITY'))
      return false;
    throw error;
  }
}

/** Every way by which these rooms change something on a drive. */
const STEPS = ['open', 'rename', 'unlink', 'rm', 'mkdir'] as const;

/** Copies `dir` around each step of `act` that changes it: what a kill at that moment leaves. Gives the copies. */
async function killedAtEveryStep(dir: string, act: () => Promise<void>): Promise<string[]> {
  const copies: string[] = [];
  let seen = '';
  const copy = () => {
    const looks = looksOf(join(dir, '.deskpod'));
    if (looks === seen) return;
    seen = looks;
    const to = `${dir}-killed-${copies.length}`;
    cpSync(join(dir, '.deskpod'), join(to, '.deskpod'), { recursive: true });
    copies.push(to);
  };
  const original = { ...fs };
  for (const step of STEPS) {
    const real = original[step] as (...parameters: unknown[]) => Promise<unknown>;
    Object.assign(fs, {
      [step]: async (...parameters: unknown[]) => {
        copy();
        const result = await real(...parameters);
        if (step === 'open' && typeof parameters[0] === 'string') watchFile(result as fs.FileHandle, copy);
        return result;
      },
    });
  }
  syncBuiltinESMExports();
  try {
    await act();
    copy();
  } finally {
    Object.assign(fs, original);
    syncBuiltinESMExports();
  }
  return copies;
}

function looksOf(dir: string): string {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return paths.map((path) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`).join('\n');
}

function watchFile(file: fs.FileHandle, copy: () => void): void {
  for (const step of ['write', 'sync'] as const) {
    const real = (file[step] as (...parameters: unknown[]) => Promise<unknown>).bind(file);
    Object.assign(file, {
      [step]: async (...parameters: unknown[]) => {
        copy();
        const result = await real(...parameters);
        copy();
        return result;
      },
    });
  }
}

describe('a change of keys that is killed', () => {
  const scratch = scratchFolder();
  let dir: string;
  let recovery: Credential;
  let made = 0;

  beforeEach(async () => {
    made += 1;
    dir = join(scratch(), `pod-${made}`);
    await mkdir(dir);
    const { recoveryKey } = await createTree({ dir, name: 'papers', ...former, workFactor });
    recovery = { recoveryKey };
  });

  const changes: readonly [string, (pod: Pod) => Promise<unknown>, readonly ('former' | 'next')[]][] = [
    ['a passphrase more', (pod) => addPassphrase(pod, former, { ...next, workFactor }), ['former', 'next']],
    ['another passphrase', (pod) => changePassphrase(pod, former, { ...next, workFactor }), ['next']],
    ['no passphrase', (pod) => removeKey(pod, former, { slot: 'passphrase', isConfirmed: true }), []],
    ['another recovery key', (pod) => addRecoveryKey(pod, former, { isReplacing: true }), ['former']],
  ];
  for (const [what, change, opensAfterwards] of changes) {
    it(`to ${what} leaves a pod with the former slots or the new ones, and the next change finishes it`, async () => {
      const tree = await openTree(dir, former);
      const copies = await killedAtEveryStep(dir, async () => {
        await change(tree.pod);
      });
      await tree.close();
      assert.ok(copies.length > 8, `${copies.length} steps`);
      const after = [opensAfterwards.includes('former'), opensAfterwards.includes('next')];
      let changedFrom: number | undefined;
      for (const [index, copy] of copies.entries()) {
        const isOpen = [await opens(copy, former), await opens(copy, next), await opens(copy, recovery)];
        await withPod(copy, isOpen[0] === true ? former : isOpen[1] === true ? next : recovery, listKeys);
        const isFormer = isOpen[0] === true && isOpen[1] === false && isOpen[2] === true;
        const isNext = isOpen[0] === after[0] && isOpen[1] === after[1];
        assert.ok(isFormer || isNext, `${copy}: opens with ${isOpen}`);
        if (!isFormer) changedFrom ??= index;
        if (changedFrom !== undefined) assert.ok(isNext, `${copy}: back to the former slots`);
      }
      const last = copies.at(-1) ?? '';
      assert.equal((await readdir(join(last, '.deskpod', 'repository', 'keyrings'))).length, 1);
      if (what === 'another passphrase') assert.ok(changedFrom !== undefined && changedFrom > 0);
    });
  }

  it('after its event is finished by the next change, which says so to whoever shows a former key', async () => {
    const tree = await openTree(dir, former);
    const copies = await killedAtEveryStep(dir, async () => {
      await changePassphrase(tree.pod, former, { ...next, workFactor });
    });
    await tree.close();
    let finished = 0;
    for (const copy of copies) {
      if (!(await opens(copy, former))) continue;
      const isLogged = await withPod(copy, former, async (pod) => pod.state.formerKeyrings.length === 1);
      if (!isLogged) continue;
      finished += 1;
      await withPod(copy, former, async (pod) => {
        const error = await expectCode('PASSPHRASE_WRONG', () =>
          addRecoveryKey(pod, former, { isReplacing: false }),
        );
        assert.match(error.message, /interrupted is finished now/);
      });
      assert.equal(await opens(copy, former), false);
      const { slots } = await withPod(copy, next, listKeys);
      assert.equal(slots.length, 2);
      await withPod(copy, next, (pod) => addRecoveryKey(pod, next, { isReplacing: false }));
      assert.equal((await readdir(join(copy, '.deskpod', 'repository', 'keyrings'))).length, 1);
    }
    assert.ok(finished > 2, `${finished} copies between event and head`);
  });
});
