// Whether a pod's device or home is whole: everything that its head needs is there, byte for byte, and nothing is torn.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ManifestDecoder } from '../../../src/core/manifest.ts';
import { packsInForce } from '../../../src/core/packs-in-force.ts';
import type { Root } from '../../../src/core/root.ts';
import type { PodState } from '../../../src/core/state.ts';
import { hashObjects } from '../../../src/sync/home/home-verification.ts';
import { type Credential, unlockRepository } from '../../../src/sync/keyring/unlock.ts';
import { foldRecords } from '../../../src/sync/pod/pod.ts';
import { treePodFolder } from '../../../src/sync/pod/pod-folder.ts';
import { openTree } from '../../../src/sync/pod/tree.ts';
import { MemoryChunkIndex } from '../../../src/sync/repository/chunk-index.ts';
import { Content } from '../../../src/sync/repository/content.ts';
import { Repository } from '../../../src/sync/repository/repository.ts';
import { readChain } from '../../../src/sync/repository/segments.ts';
import { HomeFolder } from '../../../src/sync/retention/home-folder.ts';
import { HomeInventories, needsOf } from '../../../src/sync/retention/home-inventories.ts';
import { PASSPHRASE } from '../tree-lab.ts';

const CREDENTIAL: Credential = { passphrase: PASSPHRASE };

/** By the number of a checkpoint: the hash of each of its files by path. */
export type Sealed = ReadonlyMap<number, ReadonlyMap<string, string>>;

/** Opens the tree pod in `dir`, and fails unless each of its checkpoints is, byte for byte, what `sealed` says of it. */
export async function requireWholePod(
  dir: string,
  sealed: Sealed,
  credential = CREDENTIAL,
): Promise<PodState> {
  await requireUntorn(treePodFolder(dir).repositoryDir);
  const tree = await openTree(dir, credential);
  try {
    const { state, content, repository } = tree.pod;
    await requireSealed(state, content, repository, sealed);
    return state;
  } finally {
    await tree.close();
  }
}

/**
 * Opens the pod in a home by its head, from what lies there alone, and fails unless all of its checkpoints are whole.
 * Undefined if home has no head of it.
 */
export async function requireWholeHome(
  home: string,
  podId: string,
  sealed: Sealed,
): Promise<PodState | undefined> {
  const dir = join(home, 'pods', podId);
  if (!existsSync(join(dir, 'head'))) return undefined;
  await requireUntorn(dir);
  const hasTmp = existsSync(join(dir, 'tmp'));
  const repository = await Repository.open(dir);
  const { head, keyring } = await unlockRepository(repository, CREDENTIAL);
  const state = foldRecords(await readChain(repository, keyring.secrets, head));
  repository.passOver(state.packs.removed);
  const content = await Content.open(repository, new MemoryChunkIndex(), keyring.secrets);
  try {
    await requireSealed(state, content, repository, sealed);
  } finally {
    await content.close();
    if (!hasTmp) rmSync(join(dir, 'tmp'), { recursive: true });
  }
  return state;
}

/** Every head that home would let itself be restored by, or that a prune would keep, has all that it needs. */
export async function requireWholeHeads(home: string, podId: string): Promise<void> {
  const folder = new HomeFolder(join(home, 'pods', podId));
  const headBytes = await folder.readHead();
  assert.ok(headBytes !== undefined);
  for (const head of await new HomeInventories(folder).read(headBytes)) {
    assert.equal(head.fault, undefined);
    for (const path of needsOf(head))
      assert.ok(existsSync(join(folder.dir, path)), `head ${head.seq}: ${path}`);
  }
}

/** Nothing that has the name of an object is torn: what a rename was to give a name was whole before. */
export async function requireUntorn(repositoryDir: string): Promise<void> {
  assert.deepEqual((await hashObjects(repositoryDir)).damaged, []);
}

/** What is left below a folder that is no object and that nobody will ever need: there is to be nothing. */
export function leftovers(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /(^|\/)(tmp\/.|\.partial|\.pruned|\.[^/]*\.[A-Za-z0-9]{6}$)/.test(path),
  );
}

async function requireSealed(
  state: PodState,
  content: Content,
  repository: Repository,
  sealed: Sealed,
): Promise<void> {
  const present = new Set(await repository.listObjects('packs'));
  for (const name of packsInForce(state.packs).keys())
    assert.ok(present.has(name), `the pack ${name} is missing`);
  for (const { number, files } of state.checkpoints) {
    assert.deepEqual(await hashesOf(content, files), sealed.get(number), `checkpoint ${number}`);
  }
}

async function hashesOf(content: Content, root: Root): Promise<Map<string, string>> {
  const decoder = new ManifestDecoder();
  const found: [string, string][] = [];
  for await (const piece of content.readRoot(root)) {
    for (const { kind, path, chunkIds } of decoder.push(piece)) {
      if (kind !== 'file') continue;
      const hash = createHash('sha256');
      for await (const chunk of content.readChunks(chunkIds)) hash.update(chunk);
      found.push([Buffer.from(path).toString(), hash.digest('hex')]);
    }
  }
  decoder.end();
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}
