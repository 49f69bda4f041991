// Former keyrings leave the device and its homes, and nothing that a home's head needs ever does.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { toHex } from '../../src/core/bytes.ts';
import { peekHead } from '../../src/core/head.ts';
import type { Home } from '../../src/sync/home/home.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import type { Credential } from '../../src/sync/keyring/unlock.ts';
import { addHome } from '../../src/sync/pod/add-home.ts';
import { addRecoveryKey, changePassphrase } from '../../src/sync/pod/change-keys.ts';
import { type SyncReport, syncHome } from '../../src/sync/pod/replicate.ts';
import { surveyPod } from '../../src/sync/pod/survey.ts';
import { createTree, openTree, type Tree } from '../../src/sync/pod/tree.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';
import { startRsyncd } from './support/loopback-rsyncd.ts';

const workFactor = 1;
const former = { passphrase: 'correct horse' };
const next = { passphrase: 'battery staple' };
const quiet = () => undefined;

/** The same home, with a look at it after each thing that was done to it. */
function watched(home: Home, look: () => void): Home {
  const after = async <T>(done: Promise<T>): Promise<T> => {
    const result = await done;
    look();
    return result;
  };
  return {
    url: home.url,
    probe: () => home.probe(),
    initialise: () => after(home.initialise()),
    listPods: () => home.listPods(),
    head: (podId) => home.head(podId),
    list: (podId, objects) => home.list(podId, objects),
    push: (...given) => after(home.push(...given)),
    replace: (...given) => after(home.replace(...given)),
    remove: (...given) => after(home.remove(...given)),
    pull: (...given) => home.pull(...given),
    writeHead: (...given) => after(home.writeHead(...given)),
    verifyObjects: (...given) => home.verifyObjects(...given),
  };
}

describe('former keyrings', () => {
  const scratch = scratchFolder();
  let place: string;
  let home: string;
  let podId: string;
  let tree: Tree;
  let made = 0;

  beforeEach(async () => {
    made += 1;
    place = join(scratch(), `place-${made}`);
    home = join(place, 'home');
    await mkdir(join(place, 'pod'), { recursive: true });
    ({ podId } = await createTree({ dir: join(place, 'pod'), name: 'papers', ...former, workFactor }));
    tree = await openTree(join(place, 'pod'), former);
    await addHome(tree.pod, home);
    await tree.checkpoint(quiet);
    await sync();
  });
  afterEach(() => tree.close());

  async function sync(as?: Home): Promise<SyncReport> {
    const known = tree.pod.state.homes.at(-1) ?? assert.fail('no home');
    return syncHome(tree.pod, known, quiet, as);
  }

  const keyringsAt = (dir: string) => readdirSync(join(dir, 'pods', podId, 'keyrings'));
  const headAt = (dir: string) => peekHead(readFileSync(join(dir, 'pods', podId, 'head')));
  const survey = (url: string, credential: Credential) =>
    surveyPod({ home: openRsyncHome(url), podId, credential, kind: 'tree' });

  it('are gone from home with the next sync, which then opens with the new key only', async () => {
    await changePassphrase(tree.pod, former, { ...next, workFactor });
    await survey(home, former);
    assert.deepEqual((await sync()).warnings, []);
    assert.deepEqual(keyringsAt(home), [tree.pod.state.keyring]);
    assert.equal(toHex(headAt(home).keyring), tree.pod.state.keyring);
    await survey(home, next);
    await expectCode('PASSPHRASE_WRONG', () => survey(home, former));
  });

  it('never leave a home without the keyring of its head, wherever a sync is killed', async () => {
    await changePassphrase(tree.pod, former, { ...next, workFactor });
    const copies: string[] = [];
    const copy = () => {
      copies.push(join(place, `home-${copies.length}`));
      cpSync(home, copies.at(-1) ?? '', { recursive: true });
    };
    await sync(watched(openRsyncHome(home), copy));
    // after the inventory, the objects, the head, and the removal
    assert.deepEqual(
      copies.map((at) => keyringsAt(at).length),
      [1, 2, 2, 1],
    );
    for (const [index, at] of copies.entries()) await survey(at, index < 2 ? former : next);
  });

  it('go with a later sync if one was killed before, and again from a home that went back in time', async () => {
    cpSync(home, `${home}-before`, { recursive: true });
    await changePassphrase(tree.pod, former, { ...next, workFactor });
    const killed = watched(openRsyncHome(home), quiet);
    killed.remove = async () => {
      throw new Error('killed');
    };
    await assert.rejects(() => sync(killed), /killed/);
    assert.equal(keyringsAt(home).length, 2);
    await sync();
    assert.deepEqual(keyringsAt(home), [tree.pod.state.keyring]);
    rmSync(home, { recursive: true });
    renameSync(`${home}-before`, home);
    assert.equal((await sync()).wentBack, true);
    assert.deepEqual(keyringsAt(home), [tree.pod.state.keyring]);
    await survey(home, next);
  });

  it('stay if home has one that this device does not know, or a head that it did not write', async () => {
    const foreign = join(home, 'pods', podId, 'keyrings', 'ab'.repeat(32));
    writeFileSync(foreign, 'of a newer device');
    await changePassphrase(tree.pod, former, { ...next, workFactor });
    await sync();
    assert.deepEqual(keyringsAt(home).sort(), [basename(foreign), tree.pod.state.keyring].sort());
    await addRecoveryKey(tree.pod, next, { isReplacing: false });
    const moved = watched(openRsyncHome(home), quiet);
    let written = false;
    const { writeHead, head } = moved;
    moved.writeHead = async (...given) => {
      await writeHead(...given);
      written = true;
    };
    moved.head = async (id) => (written ? new Uint8Array(150) : head(id));
    await sync(moved);
    assert.equal(keyringsAt(home).length, 3);
  });

  it('are not sent to a home, nor is one that an interrupted change left', async () => {
    await tree.pod.repository.putObject('keyrings', Buffer.from('left by a change that was killed'));
    await tree.checkpoint(quiet);
    await sync();
    assert.deepEqual(keyringsAt(home), [tree.pod.state.keyring]);
    assert.deepEqual(await tree.pod.repository.listObjects('keyrings'), [tree.pod.state.keyring]);
  });

  it('stay at a home that only grows, and the sync says so, once, and is done all the same', async () => {
    const path = join(place, 'grows');
    await mkdir(path);
    const daemon = await startRsyncd(join(place, 'rsyncd'), { grows: { path, 'refuse options': 'delete' } });
    try {
      await addHome(tree.pod, `rsync://127.0.0.1:${daemon.port}/grows`);
      await sync();
      await changePassphrase(tree.pod, former, { ...next, workFactor });
      const { warnings, seq } = await sync();
      assert.match(warnings.join(), /keeps 1 former keyrings, which removed keys still open/);
      assert.equal(seq, tree.pod.state.homes.at(-1)?.seq);
      assert.equal(keyringsAt(path).length, 2);
      await tree.checkpoint(quiet);
      assert.deepEqual((await sync()).warnings, []);
    } finally {
      await daemon.stop();
    }
  });
});
