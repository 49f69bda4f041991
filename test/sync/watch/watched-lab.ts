// A watched tree for tests, beside a scan that trusts nobody.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Root } from '../../../src/core/root.ts';
import { latestCheckpoint } from '../../../src/core/state.ts';
import { captureInto } from '../../../src/sync/pod/seal-checkpoint.ts';
import { createTree, openTree } from '../../../src/sync/pod/tree.ts';
import { WatchedTree } from '../../../src/sync/watch/watched-tree.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

export const PASSPHRASE = 'correct horse';
export const SILENT = (): void => undefined;

/** A tree pod that is watched. A test may take another tree, or watch, and gives the former one back. */
export class WatchedLab {
  readonly #folder: ReturnType<typeof makeTempFolder>;
  dir: string;
  watched: WatchedTree;

  private constructor(folder: ReturnType<typeof makeTempFolder>, dir: string, watched: WatchedTree) {
    this.#folder = folder;
    this.dir = dir;
    this.watched = watched;
  }

  /** A tree of a few files; close it in an `afterEach`. */
  static async open(): Promise<WatchedLab> {
    const folder = makeTempFolder();
    const dir = join(folder.path, 'tree');
    mkdirSync(join(dir, 'a', 'b'), { recursive: true });
    for (const name of ['file', 'other', 'a/note', 'a/b/deep']) writeFileSync(join(dir, name), name);
    await createTree({ dir, name: 'papers', passphrase: PASSPHRASE, workFactor: 2 });
    const watched = await WatchedTree.start(await openTree(dir, { passphrase: PASSPHRASE }));
    return new WatchedLab(folder, dir, watched);
  }

  /** The folder around the tree. */
  get temp(): string {
    return this.#folder.path;
  }

  /** The manifest of a checkpoint made now. */
  async sealed(): Promise<Root> {
    await this.watched.checkpoint(SILENT);
    const files = latestCheckpoint(this.watched.pod.state)?.files;
    assert.ok(files !== undefined);
    return files;
  }

  /** The manifest that a scan makes which trusts nobody. */
  async scanned(): Promise<Root> {
    const isExcluded = (path: Uint8Array): boolean => String(path) === '.deskpod';
    return (await captureInto(this.watched.pod.content, this.dir, 'data', { isExcluded })).root;
  }

  /** Why the watch had to look at everything, each time. */
  async gaps(): Promise<string[]> {
    const events = await this.watched.pod.events(1);
    return events.flatMap(({ event }) => (event.type === 'watch.gap' ? [event.cause] : []));
  }

  /** Fails unless the next checkpoint is that of a scan, and needs none. */
  async assertPatched(): Promise<void> {
    assert.equal(this.watched.needsScan, false);
    assert.deepEqual(await this.sealed(), await this.scanned());
    assert.deepEqual(await this.gaps(), ['start']);
  }

  async close(): Promise<void> {
    await this.watched.close();
    this.#folder.remove();
  }
}
