// What every home does with a device that it does not follow: keeps its history as a branch, and changes nothing else.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../../src/core/bytes.ts';
import type { Home } from '../../../src/sync/home/home.ts';
import { fetchBranchHeads, listBranches, newestHeads } from '../../../src/sync/pod/branches.ts';
import { foldRecords } from '../../../src/sync/pod/pod.ts';
import { type SyncReport, syncHome } from '../../../src/sync/pod/replicate.ts';
import { createTree, openTree } from '../../../src/sync/pod/tree.ts';
import { Repository } from '../../../src/sync/repository/repository.ts';
import { readChain } from '../../../src/sync/repository/segments.ts';

const CREDENTIAL = { passphrase: 'correct horse' };
const QUIET = (): void => undefined;

/** Makes a pod and a copy of it below `temp`, lets both go on, and looks at what `home` makes of them. */
export async function requireBranches(home: Home, temp: string): Promise<void> {
  const [dir, copy] = [join(temp, 'pod'), join(temp, 'copy')];
  mkdirSync(dir);
  const { podId } = await createTree({ dir, name: 'papers', ...CREDENTIAL, workFactor: 2 });
  await home.initialise();
  await seal(dir, home, 'before the copy');
  assert.deepEqual(await listBranches(home, podId), []);
  cpSync(dir, copy, { recursive: true });
  assert.equal((await seal(dir, home, 'of the original')).branch, undefined);
  const followed = await home.head(podId);

  const first = await seal(copy, home, 'of the copy');
  assert.ok(first.branch !== undefined && first.sentObjects > 0);
  assert.match(first.notices.join(), /is a copy.*as the branch/s);
  assert.deepEqual(await home.head(podId), followed);
  const second = await seal(copy, home, 'of the copy, too');
  assert.equal(second.branch, first.branch);
  assert.deepEqual(
    (await listBranches(home, podId)).map(({ deviceId, seq }) => [deviceId, seq]),
    [[first.branch, second.seq]],
  );

  const [branch] = newestHeads(await fetchBranchHeads(home, podId));
  assert.ok(branch);
  const fetched = await Repository.create(join(temp, 'fetched'));
  await home.pull(podId, fetched.dir, { objects: ['segments/'] });
  const tree = await openTree(copy, CREDENTIAL);
  try {
    const { checkpoints } = foldRecords(await readChain(fetched, tree.pod.secrets, branch.head));
    assert.deepEqual(checkpoints, tree.pod.state.checkpoints);
    assert.equal(toHex(branch.head.deviceId), tree.pod.state.deviceId);
    const packs = checkpoints.flatMap((checkpoint) =>
      checkpoint.packs.map((name) => `packs/${name.slice(0, 2)}/${name}.age`),
    );
    assert.equal((await home.list(podId, packs)).size, packs.length);
  } finally {
    await tree.close();
  }
}

/** Changes a file of a tree, and syncs a checkpoint of it. */
async function seal(dir: string, home: Home, text: string): Promise<SyncReport> {
  const tree = await openTree(dir, CREDENTIAL);
  try {
    const { url } = home;
    if (tree.pod.state.homes.length === 0) await tree.pod.append({ type: 'addHome', url });
    writeFileSync(join(dir, 'letter.txt'), text);
    await tree.checkpoint(QUIET);
    const [known] = tree.pod.state.homes;
    assert.ok(known);
    return await syncHome(tree.pod, known, QUIET, home);
  } finally {
    await tree.close();
  }
}
