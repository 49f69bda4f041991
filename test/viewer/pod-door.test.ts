// The way to a pod that no supervisor has open: it is opened for what is asked, and what comes soon shares that.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
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

  it('is opened in turn, and not beside what has ended its supervisor, if that was asked too late', async () => {
    const supervisorSocket = join(tree.dir, 'supervisor.sock');
    // it listens still, and answers nothing any more
    const ending = createServer(({ url }, response) => {
      if (url === '/v1/ping') response.end();
      else response.destroy();
    });
    ending.listen(supervisorSocket);
    await once(ending, 'listening');
    const supervised = new PodDoor(
      { path: tree.dir, supervisorSocket, kind: 'device' },
      () => ({ passphrase: PASSPHRASE }),
      () => undefined,
    );
    try {
      const order: string[] = [];
      const asked = Promise.withResolvers<void>();
      const resuming = supervised.alone(async () => {
        await asked.promise;
        order.push('resumed');
      });
      const status = supervised.enter(true, async (opened) => {
        asked.resolve();
        const options = { onProgress: () => undefined, signal: new AbortController().signal };
        const { name } = await opened.operate('status', {}, options);
        order.push('asked');
        return name;
      });
      await resuming;
      assert.equal(typeof (await status), 'string');
      assert.deepEqual(order, ['resumed', 'asked']);
    } finally {
      await supervised.close();
      ending.close();
    }
  });

  it('lets nobody in once it is locked, though it is open still for who came before', async () => {
    await door.enter(true, async () => {
      isUnlocked = false;
      await assert.rejects(whoIsThere(true), (error) => isDeskPodError(error, 'VAULT_LOCKED'));
    });
  });
});
