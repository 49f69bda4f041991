// The kernel module, in guests with Debian's kernels: a program tries the barrier there, each of its tests is one here.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { bootGuest, lastLines } from '../session/guest/machine.ts';
import { makeBarrierImage } from './guest-build.ts';

/** Both kernels: what a probe relies on may differ from one to the other. */
const RELEASES = ['bookworm', 'trixie'] as const;
/** Any warning is a panic, and a panic ends the guest before its tests do. */
const STRICT_WORDS = ['panic_on_warn=1', 'oops=panic'];
const COMPLAINT = /WARNING:|BUG:|Oops|Call Trace|panic/;
/** A task can be preempted in the module's text, which Debian's kernels do not do by default. */
const PREEMPTIBLE = 'preempt=full';
/** A control group has no memory left: one of the tests is about that. */
const WITHOUT_MEMORY = /invoked oom-killer[\s\S]*?no killable processes/g;
/** By turns, two processors find what one does not: what comes between a look and a deed. It takes twice as long. */
const PROCESSOR_COUNT = IS_EXHAUSTIVE ? 2 : 1;
/** How often the module is unloaded and loaded at the end. */
const CYCLES = IS_EXHAUSTIVE ? 1000 : 10;
const BOOT_TIMEOUT_MS = IS_EXHAUSTIVE ? 1_800_000 : 240_000;
/** What a guest on a busy machine takes to begin and to end: what hangs in it is ended before, and told. */
const BOOT_SECONDS = 90;

interface Outcome {
  readonly title: string;
  readonly failure?: string;
}

/** What came of a guest. */
interface Tried {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** All that its console showed. */
  readonly shown: string;
}

/** What the program tests, out of its source. */
const TITLES = ['programs/barrier.c', 'outside.c', 'inside.c'].flatMap((name) => {
  const source = readFileSync(join(import.meta.dirname, 'guest', name), 'utf8');
  return [...source.matchAll(/\b(TEST|OUTSIDE|INSIDE)(?:_MAPPED)?\("([^"]+)"/g)].map(([, kind, title]) => {
    const side = { TEST: '', OUTSIDE: 'refuses from outside: ', INSIDE: 'refuses from inside: ' }[kind ?? ''];
    return `${side}${title}`;
  });
});

describe('the kernel module', () => {
  const tried = new Map<string, Tried>();

  before(async function () {
    this.timeout(BOOT_TIMEOUT_MS);
    const all = RELEASES.map(async (release) => tried.set(release, await tryBarrier(release)));
    for (const result of await Promise.allSettled(all)) if (result.status === 'rejected') throw result.reason;
  });

  for (const release of RELEASES) {
    describe(`in a guest with the kernel of Debian ${release}`, () => {
      for (const title of TITLES) {
        it(title, () => {
          const outcome = tried.get(release)?.outcomes.get(title);
          assert.ok(outcome, 'the guest did not run it');
          if (outcome.failure !== undefined) assert.fail(outcome.failure);
        });
      }

      it('ran every test, and none that was not asked for', () => {
        assert.equal(tried.get(release)?.outcomes.size, TITLES.length);
      });

      it('left the kernel without a complaint', () => {
        const shown = tried.get(release)?.shown ?? 'panic';
        assert.doesNotMatch(shown.replace(WITHOUT_MEMORY, ''), COMPLAINT);
      });
    });
  }
});

/** Builds the module for a guest, and boots that. Fails with the end of its console if it did not run every test to its end. */
async function tryBarrier(release: string): Promise<Tried> {
  const dir = await mkdtemp(join(tmpdir(), 'deskpod-kmod-'));
  try {
    const checkout = join(dir, 'checkout.erofs');
    await makeBarrierImage(release, 'barrier', join(dir, 'checkout'), checkout);
    const guestDir = join(dir, 'guest');
    await mkdir(guestDir);
    const told = await bootGuest(release, {
      dir: guestDir,
      checkout,
      program: '/checkout/barrier.sh',
      words: [
        'program=barrier',
        `limit=${BOOT_TIMEOUT_MS / 1000 - BOOT_SECONDS}`,
        ...STRICT_WORDS,
        PREEMPTIBLE,
        `cycles=${CYCLES}`,
      ],
      memoryMebibytes: 512,
      processorCount: PROCESSOR_COUNT,
      timeoutMs: BOOT_TIMEOUT_MS,
    });
    // What follows the last newline is half a line, of a guest that stopped.
    const lines = told.split('\n').slice(0, -1);
    const objects = lines.map((line) => JSON.parse(line) as Partial<Outcome> & { testCount?: number });
    const outcomes = objects.filter((object): object is Outcome => object.title !== undefined);
    const stop = `the guest stopped after: ${outcomes.at(-1)?.title}${await lastLines(guestDir)}`;
    assert.equal(objects.at(-1)?.testCount, outcomes.length, stop);
    return {
      outcomes: new Map(outcomes.map((outcome) => [outcome.title, outcome])),
      shown: await readFile(join(guestDir, 'console'), 'utf8'),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
