// A tree pod to prune in a test, opened in this process, with an eye on what must never be lost.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManifestDecoder } from '../../../src/core/manifest.ts';
import type { RetentionPolicy } from '../../../src/core/retention.ts';
import type { Root } from '../../../src/core/root.ts';
import type { Pod } from '../../../src/sync/pod/pod.ts';
import { createTree, openTree, type Tree } from '../../../src/sync/pod/tree.ts';
import type { Content } from '../../../src/sync/repository/content.ts';
import { pruneDevice } from '../../../src/sync/retention/prune-device.ts';
import type { PruneReport } from '../../../src/sync/retention/prune-report.ts';

export const PASSPHRASE = 'correct horse';
export const QUIET = (): void => undefined;

/** Bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed: string): Buffer {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

/** A pod around a folder, and what each of its checkpoints holds. */
export class PruneLab {
  readonly temp: string;
  readonly dir: string;
  passphrase = PASSPHRASE;
  /** By number: the hash of each file by its path. */
  readonly sealed = new Map<number, Map<string, string>>();

  private constructor(temp: string) {
    this.temp = temp;
    this.dir = join(temp, 'pod');
  }

  static async create(temp: string): Promise<PruneLab> {
    const lab = new PruneLab(temp);
    await mkdir(lab.dir, { recursive: true });
    await createTree({ dir: lab.dir, name: 'papers', passphrase: PASSPHRASE, workFactor: 2 });
    return lab;
  }

  /** Opens the pod for `work`, and closes it whatever happens. */
  async open<Result>(work: (tree: Tree) => Promise<Result>): Promise<Result> {
    const tree = await openTree(this.dir, { passphrase: this.passphrase });
    try {
      return await work(tree);
    } finally {
      await tree.close();
    }
  }

  /** Seals the folder as it is, and remembers what it is. */
  async checkpoint(tree: Tree): Promise<number> {
    // what a test deletes, it deletes on purpose
    const { number } = await tree.checkpoint(QUIET, 'accept');
    this.sealed.set(number, await hashesBelow(this.dir));
    return number;
  }

  prune(tree: Tree, policy: RetentionPolicy, share = 0): Promise<PruneReport> {
    return pruneDevice(tree.pod, { policy, maxUnused: { share }, isDryRun: false }, QUIET);
  }

  /** Fails unless every checkpoint that the log has can be read byte by byte, from the device alone. */
  async requireWhole({ pod }: Tree): Promise<void> {
    for (const { number, files } of pod.state.checkpoints) {
      assert.deepEqual(await hashesOf(pod.content, files), this.sealed.get(number), `checkpoint ${number}`);
    }
  }
}

/** The hash of every file of a tree, as a restore would write it. */
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

/** The hash of every file below `dir` by its path there, without what belongs to the pod itself. */
export async function hashesBelow(dir: string): Promise<Map<string, string>> {
  const found: [string, string][] = [];
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(dir.length + 1);
    if (!entry.isFile() || name.startsWith('.deskpod')) continue;
    found.push([
      name,
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ]);
  }
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

class Crash extends Error {}

/**
 * Runs `act`, and lets it fail right before one of the steps by which a prune changes something, which is right after the
 * one before. True if it came to that.
 */
export async function crashAt(
  pod: Pod,
  what: string,
  isMeant: (name: string, nth: number, count: number) => boolean,
  act: () => Promise<unknown>,
): Promise<boolean> {
  let count = 0;
  const wrap = (owner: object, name: string): void => {
    const original = (owner as Record<string, (...args: unknown[]) => Promise<unknown>>)[name]?.bind(owner);
    let nth = 0;
    Object.defineProperty(owner, name, {
      value: async (...args: unknown[]) => {
        if (isMeant(name, nth++, count++)) throw new Crash(`${what}: before ${name}`);
        return original?.(...args);
      },
    });
  };
  for (const name of ['append', 'publish']) wrap(pod, name);
  for (const name of ['putObject', 'writeHead', 'deleteRemovedPacks']) wrap(pod.repository, name);
  wrap(pod.content, 'forgetPacks');
  try {
    await act();
    return false;
  } catch (error) {
    if (error instanceof Crash) return true;
    throw error;
  }
}
