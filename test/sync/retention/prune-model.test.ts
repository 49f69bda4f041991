// Any run of changes, checkpoints, prunes, crashes and syncs, against a plain account of what each checkpoint held.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { restorePod } from '../../../src/session/pod/restore-pod.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { syncHomes } from '../../../src/sync/pod/replicate.ts';
import type { Tree } from '../../../src/sync/pod/tree.ts';
import { HomeFolder } from '../../../src/sync/retention/home-folder.ts';
import { pruneHomeFolder } from '../../../src/sync/retention/prune-home.ts';
import { scratchFolder } from '../scratch.ts';
import { crashAt, hashesBelow, noise, PASSPHRASE, PruneLab, QUIET } from './prune-lab.ts';

type Step =
  | { readonly do: 'write'; readonly name: string; readonly seed: number; readonly sizeBytes: number }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'checkpoint' | 'sync' }
  | { readonly do: 'prune'; readonly last: number; readonly share: number }
  | { readonly do: 'crash'; readonly last: number; readonly at: number }
  | { readonly do: 'pruneHome'; readonly last: number };

const someName = fc.constantFrom('a', 'b', 'folder/c', 'folder/d');
const someLast = fc.integer({ min: 1, max: 4 });
const someStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      name: someName,
      seed: fc.nat(5),
      sizeBytes: fc.constantFrom(0, 100, 150_000, 400_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), name: someName }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('checkpoint' as const, 'sync' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('prune' as const),
      last: someLast,
      share: fc.constantFrom(0, 0.3, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), last: someLast, at: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pruneHome' as const), last: someLast }) },
);

/** A pod with a home, and the account of it. */
class Model {
  readonly lab: PruneLab;
  readonly home: string;
  /** What the newest checkpoint held, for each head that came home after one. */
  readonly sent = new Map<number, Map<string, string>>();
  /** Of the checkpoints that were not forgotten, oldest first. */
  numbers: number[] = [];
  #podDir = '';
  #isAtHome = false;

  constructor(lab: PruneLab) {
    this.lab = lab;
    this.home = join(lab.temp, 'home');
  }

  async begin(): Promise<void> {
    await mkdir(join(this.lab.dir, 'folder'));
    await this.lab.open(async ({ pod }) => {
      await addHome(pod, this.home);
      this.#podDir = join(this.home, 'pods', pod.state.podId);
    });
  }

  async take(step: Step): Promise<void> {
    await this.lab.open((tree) => this.#take(step, tree));
    await this.lab.open(async (tree) => {
      assert.deepEqual(
        tree.pod.state.checkpoints.map(({ number }) => number),
        this.numbers,
      );
      if (step.do === 'prune' || step.do === 'crash') await this.lab.requireWhole(tree);
    });
  }

  /** Everything that device and home still say they have is there, byte by byte. */
  async end(): Promise<void> {
    await this.lab.open((tree) => this.lab.requireWhole(tree));
    const heads = (await this.#pruneHome(99, true)).heads;
    for (const { lacks } of heads) assert.deepEqual(lacks, []);
    const restorable = heads.filter(({ seq }) => this.sent.has(seq));
    for (const { seq } of [restorable[0], restorable.at(-1)].filter((head) => head !== undefined)) {
      const target = await mkdtemp(join(this.lab.temp, 'restored-'));
      const from = { from: this.home, target, credential: { passphrase: PASSPHRASE } };
      await restorePod({ ...from, headSeq: seq, isForced: false, onProgress: QUIET });
      assert.deepEqual(await hashesBelow(target), this.sent.get(seq));
    }
  }

  async #take(step: Step, tree: Tree): Promise<void> {
    const { lab } = this;
    switch (step.do) {
      case 'write':
        return writeFile(join(lab.dir, step.name), noise(step.sizeBytes, `${step.seed}`));
      case 'remove':
        return rm(join(lab.dir, step.name), { force: true });
      case 'checkpoint':
        this.numbers.push(await lab.checkpoint(tree));
        return;
      case 'prune':
        await lab.prune(tree, { last: step.last }, step.share);
        this.numbers = this.numbers.slice(-step.last);
        return;
      case 'crash':
        await crashAt(
          tree.pod,
          'crash',
          (_name, _nth, count) => count === step.at,
          () => lab.prune(tree, { last: step.last }),
        );
        // the first of its steps that is appended forgets; whether it came to that the log says
        if (tree.pod.state.checkpoints.length < this.numbers.length)
          this.numbers = this.numbers.slice(-step.last);
        return;
      case 'sync':
        return this.#sync(tree);
      case 'pruneHome':
        if (this.#isAtHome) await this.#pruneHome(step.last, false);
    }
  }

  async #sync(tree: Tree): Promise<void> {
    const [outcome] = await syncHomes(tree.pod, undefined, QUIET);
    assert.ok(outcome !== undefined);
    if ('error' in outcome) throw outcome.error;
    this.#isAtHome = true;
    const newest = this.lab.sealed.get(this.numbers.at(-1) ?? 0);
    if (newest !== undefined) this.sent.set(outcome.seq, newest);
  }

  async #pruneHome(last: number, isDryRun: boolean) {
    const plan = { policy: { last }, graceMs: 0, nowMs: Date.now() + 10_000, isDryRun, onProgress: QUIET };
    return pruneHomeFolder(new HomeFolder(this.#podDir), '', plan);
  }
}

describe('prunes of a pod and its home', () => {
  const folder = scratchFolder();

  it('lose nothing that is kept, in any run of changes, checkpoints, crashes and syncs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someStep, { minLength: 8, maxLength: 16 }), async (steps) => {
        const temp = await mkdtemp(join(folder(), 'run-'));
        const model = new Model(await PruneLab.create(temp));
        await model.begin();
        for (const step of [...steps, { do: 'checkpoint' }, { do: 'sync' }] as Step[]) await model.take(step);
        await model.end();
        await rm(temp, { recursive: true });
      }),
      { numRuns: 2, endOnFailure: true },
    );
  });
});
