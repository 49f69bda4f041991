// A home whose head moves while a sync sends to it: whoever sends notices before it would move the head back.
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { type SyncReport, syncHome } from '../../src/sync/pod/replicate.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { openTreeLab, PASSPHRASE, replaceByCopy, type TreeLab } from './tree-lab.ts';

describe('a home whose head moves while a sync sends to it', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
    await lab.bringHome();
  });
  afterEach(async () => {
    await lab.close();
  });

  /** A sync during which `happens`, after the objects were sent and before home's head is replaced. */
  const syncWhile = async (dir: string, happens: () => Promise<void>): Promise<SyncReport> => {
    const tree = await openTree(dir, { passphrase: PASSPHRASE });
    try {
      const home = openRsyncHome(lab.home);
      const push = home.push.bind(home);
      home.push = async (...all) => {
        const report = await push(...all);
        // what goes before home is asked anything is the inventory
        if (all[3]?.isUnasked !== true) await happens();
        return report;
      };
      const [known] = tree.pod.state.homes;
      assert.ok(known);
      return await syncHome(tree.pod, known, () => undefined, home);
    } finally {
      await tree.close();
    }
  };
  const headFile = () => join(lab.home, 'pods', lab.podId, 'head');

  it('stays with the restore that took it over meanwhile', async () => {
    await lab.checkpoint();
    let restored: Uint8Array = new Uint8Array();
    const restore = async () => {
      await lab.restoreHere('back', {});
      restored = await readFile(headFile());
    };
    await assert.rejects(syncWhile(lab.dir, restore), { code: 'HOME_FENCED' });
    assert.deepEqual(await readFile(headFile()), restored);
  });

  it('stays with the copy of this device that synced there meanwhile', async () => {
    const copy = join(lab.temp, 'copy');
    await replaceByCopy(lab.dir, copy);
    await lab.program.answer(['checkpoint', '-d', copy]);
    await lab.checkpoint();
    let first: Uint8Array = new Uint8Array();
    const syncFirst = async () => {
      await lab.sync();
      first = await readFile(headFile());
    };
    await assert.rejects(syncWhile(copy, syncFirst), { code: 'HOME_FOREIGN' });
    assert.deepEqual(await readFile(headFile()), first);
  });

  it('gets no head for objects that it may lack when it went back meanwhile, and all of it the next time', async () => {
    await lab.checkpoint();
    const loseHead = () => rm(headFile());
    await assert.rejects(syncWhile(lab.dir, loseHead), { code: 'HOME_DAMAGED' });
    await assert.rejects(readFile(headFile()), { code: 'ENOENT' });
    await lab.sync();
    await lab.restoreHere('back', {});
  });
});
