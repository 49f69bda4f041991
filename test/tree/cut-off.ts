// A sync that is cut off at one of its steps, as when the line to home breaks there.
import assert from 'node:assert/strict';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { syncHome } from '../../src/sync/pod/replicate.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { PASSPHRASE, type TreeLab } from './tree-lab.ts';

/** Lets a sync of the lab's pod fail right before its call number `step` of home. False if it came to its end. */
export async function isCutOff(lab: TreeLab, step: number): Promise<boolean> {
  class CutOff extends Error {}
  const home = openRsyncHome(lab.home);
  let calls = 0;
  for (const name of ['head', 'pull', 'push', 'list', 'writeHead'] as const) {
    const call = home[name].bind(home) as (...args: unknown[]) => unknown;
    Object.defineProperty(home, name, {
      value: async (...args: unknown[]) => {
        if (calls++ === step) throw new CutOff();
        return call(...args);
      },
    });
  }
  const tree = await openTree(lab.dir, { passphrase: PASSPHRASE });
  try {
    const [known] = tree.pod.state.homes;
    assert.ok(known);
    await syncHome(tree.pod, known, () => undefined, home);
    return false;
  } catch (error) {
    if (error instanceof CutOff) return true;
    throw error;
  } finally {
    await tree.close();
  }
}
