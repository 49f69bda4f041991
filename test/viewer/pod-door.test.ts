// The way to a pod that no supervisor has open: it is opened for what is asked, and what comes soon shares that.
import assert from 'node:assert/strict';
import { isDeskPodError } from '../../src/core/errors.ts';
import { PodDoor } from '../../src/session/dashboard/pod-door.ts';
import type { OpenedPod } from '../../src/session/operation/opened-pod.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from '../tree/tree-lab.ts';

describe('the door of a pod that is not in use', () => {
  let tree: TreeLab;
  let door: PodDoor;
  let isUnlocked: boolean;
  beforeEach(async () => {
    tree = await openTreeLab();
    isUnlocked = true;
    door = new PodDoor(
      { path: tree.dir, supervisorSocket: undefined, kind: 'folder' },
      () => (isUnlocked ? { passphrase: PASSPHRASE } : undefined),
      () => undefined,
    );
  });
  afterEach(async () => {
    await door.close();
    await tree.close();
  });

  const whoIsThere = (isReading: boolean): Promise<OpenedPod> =>
    door.enter(isReading, async (opened) => opened);

  it('opens once for what is asked one after another, be it read or done', async () => {
    const first = await whoIsThere(true);
    assert.equal(await whoIsThere(true), first);
    assert.equal(await whoIsThere(false), first);
    assert.equal(await whoIsThere(true), first);
  });

  it('lets nobody in once it is locked, though it is open still for who came before', async () => {
    await door.enter(true, async () => {
      isUnlocked = false;
      await assert.rejects(whoIsThere(true), (error) => isDeskPodError(error, 'VAULT_LOCKED'));
    });
  });
});
