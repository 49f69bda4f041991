// A tree pod for tests of what looks like a loss: it is written to, and its checkpoint is asked what is in doubt.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DeskPodError, isDeskPodError } from '../../../src/core/errors.ts';
import { createTree, type OpenTreeOptions, openTree, type Tree } from '../../../src/sync/pod/tree.ts';
import { makeTempFolder } from './temp-folder.ts';

export const PASSPHRASE = 'correct horse battery';
export const SILENT = (): void => undefined;
/** Enough files that some of them may go without a question. */
export const DOCUMENTS = Array.from({ length: 60 }, (_, i) => `documents/${i % 4}/${i}.txt`);

/** Text of a few hundred bytes, of which no two are alike. */
export function textOf(name: string): string {
  return `This is the file ${name}. It has some words in it, as people write them. `.repeat(5);
}

/** A pod that is open, in a temporary folder. */
export class DoubtfulTree {
  readonly #temp = makeTempFolder();
  /** A place beside the pod. */
  readonly outside = this.#temp.path;
  readonly dir = join(this.outside, 'tree');
  #tree: Tree | undefined;

  static async make(): Promise<DoubtfulTree> {
    const made = new DoubtfulTree();
    mkdirSync(made.dir);
    await createTree({ dir: made.dir, name: 'tree', passphrase: PASSPHRASE, workFactor: 2 });
    await made.reopen();
    return made;
  }

  get tree(): Tree {
    assert.ok(this.#tree);
    return this.#tree;
  }

  /** Opens the pod anew, as another command does. */
  async reopen(options: OpenTreeOptions = {}): Promise<void> {
    await this.close();
    this.#tree = await openTree(this.dir, { passphrase: PASSPHRASE }, options);
  }

  write(names: readonly string[]): void {
    for (const name of names) {
      mkdirSync(join(this.dir, name, '..'), { recursive: true });
      writeFileSync(join(this.dir, name), textOf(name));
    }
  }

  /** The error of a checkpoint that is refused; nothing is sealed then. */
  async question(): Promise<DeskPodError> {
    const before = this.tree.pod.state.lastCheckpoint;
    const error = await this.tree.checkpoint(SILENT).then(
      () => assert.fail('expected a question, got a checkpoint'),
      (cause: unknown) => cause,
    );
    assert.ok(isDeskPodError(error, 'CHECKPOINT_DOUBTFUL'), String(error));
    assert.equal(this.tree.pod.state.lastCheckpoint, before);
    return error;
  }

  async close(): Promise<void> {
    await this.#tree?.close();
    this.#tree = undefined;
  }

  remove(): void {
    this.#temp.remove();
  }
}
