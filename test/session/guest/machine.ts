// A guest: a small machine in QEMU, with a Debian kernel of its own, that runs the tests of this checkout.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { locateRuntime } from '../../../src/session/host/runtime.ts';
import { run } from '../../../src/sync/process.ts';
import type { End, Outcome } from './outcome.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const GUESTS_DIR = '/var/lib/deskpod/guests';
/** The whole of a guest's life. What hangs in it is ended by it first, and told. */
const TIMEOUT_MS = 420_000;
/** Machine code: it lies beside the program that was built of everything else. */
const NATIVE_PACKAGES = ['koffi', 'classic-level'];
/** Newer ones have more to emulate: wider registers, five levels of pages. */
const PROCESSOR = 'Nehalem';
/** What an emulated machine has no use for, and pays for at every call. */
const LEFT_OUT = ['mitigations=off', 'apparmor=0', 'audit=0', 'norandmaps'];

/** The threads of a crew find their program beside the suite's. */
const besideWorker: Plugin = {
  name: 'beside-worker',
  setup: (builder) => {
    builder.onLoad({ filter: /\/workers\/crew\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replace("'./worker.ts'", "'./worker.js'"), loader: 'ts' };
    });
  },
};

/** Of a package.json. */
interface Needs {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What a guest has run. */
export interface GuestRun {
  /** The kernel's version. */
  readonly kernel: string;
  /** By its title. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/**
 * Boots the guest of a Debian release, which runs `suite.ts` and turns itself off. Fails, with the last lines of its
 * console, if it did not run every test to its end.
 */
export async function runInGuest(release: string): Promise<GuestRun> {
  const guestDir = join(process.env.DESKPOD_GUESTS ?? GUESTS_DIR, release);
  const kernel = (
    await readFile(join(guestDir, 'kernel'), 'utf8').catch((cause: unknown) => {
      throw new Error(`there is no guest in ${guestDir}: run ops/setup --tests`, { cause });
    })
  ).trim();
  const dir = await mkdtemp(join(tmpdir(), 'deskpod-guest-'));
  try {
    const checkout = join(dir, 'checkout.erofs');
    await makeCheckout(join(dir, 'checkout'), checkout);
    await boot(guestDir, checkout, dir);
    return { kernel, outcomes: await readOutcomes(dir) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The disk with Node, the tests as one program, and what that program finds beside itself. */
async function makeCheckout(treeDir: string, image: string): Promise<void> {
  await mkdir(join(treeDir, 'build'), { recursive: true });
  const packages = await withDependencies(NATIVE_PACKAGES);
  const copied = [...packages].map((name) => `node_modules/${name}`);
  for (const path of ['package.json', 'test/session/guest/boot.sh', ...copied]) {
    await cp(join(ROOT, path), join(treeDir, path), { recursive: true });
  }
  await cp(join(ROOT, 'node_modules/node/bin/node'), join(treeDir, 'node/bin/node'));
  // Under emulation, to strip types and to find 200 modules takes longer than all the tests.
  await build({
    absWorkingDir: ROOT,
    entryPoints: { suite: 'test/session/guest/suite.ts', worker: 'src/sync/workers/worker.ts' },
    outdir: join(treeDir, 'build'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: NATIVE_PACKAGES,
    logLevel: 'error',
    plugins: [besideWorker],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  await run((await locateRuntime()).mkfsErofsPath, ['--quiet', image, treeDir]);
}

/** Packages of node_modules, and all that they need. */
async function withDependencies(names: readonly string[]): Promise<Set<string>> {
  const found = new Set(names);
  // A set is gone through in the order of its making, what is added on the way included.
  for (const name of found) {
    const text = await readFile(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
    const { dependencies, optionalDependencies } = JSON.parse(text) as Needs;
    for (const needed of Object.keys(dependencies ?? {})) found.add(needed);
    // Of these, those for other machines are not there.
    for (const needed of Object.keys(optionalDependencies ?? {})) {
      if (existsSync(join(ROOT, 'node_modules', needed))) found.add(needed);
    }
  }
  return found;
}

async function boot(guestDir: string, checkout: string, dir: string): Promise<void> {
  const disk = (file: string) => ['-drive', `file=${file},format=raw,if=virtio,readonly=on`];
  const serial = (name: string) => ['-serial', `file:${join(dir, name)}`];
  const words = [
    'console=ttyS0',
    'quiet',
    'panic=-1',
    ...LEFT_OUT,
    'run=/checkout/test/session/guest/boot.sh',
  ];
  try {
    await run(
      'qemu-system-x86_64',
      [
        ...['-M', 'q35', '-cpu', PROCESSOR, '-accel', 'tcg,thread=multi', '-smp', '2', '-m', '2G'],
        ...['-nodefaults', '-display', 'none', '-no-reboot', ...serial('console'), ...serial('outcomes')],
        ...[
          '-kernel',
          join(guestDir, 'vmlinuz'),
          '-initrd',
          join(guestDir, 'initrd'),
          '-append',
          words.join(' '),
        ],
        ...[...disk(join(guestDir, 'root.erofs')), ...disk(checkout)],
      ],
      { timeoutMs: TIMEOUT_MS },
    );
  } catch (cause) {
    throw new Error(`the guest could not be run: ${await lastLines(dir)}`, { cause });
  }
}

async function readOutcomes(dir: string): Promise<Map<string, Outcome>> {
  const text = await readFile(join(dir, 'outcomes'), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  const told = lines.map((line) => JSON.parse(line) as Outcome | End);
  const outcomes = new Map<string, Outcome>();
  for (const line of told) if ('title' in line) outcomes.set(line.title, line);
  const end = told.at(-1);
  if (end === undefined || !('testCount' in end)) {
    assert.fail(`the guest stopped after ${outcomes.size} tests: ${await lastLines(dir)}`);
  }
  assert.equal(outcomes.size, end.testCount, 'tests of one title cannot be told apart');
  return outcomes;
}

async function lastLines(dir: string): Promise<string> {
  const console = await readFile(join(dir, 'console'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return 'it said nothing';
    throw error;
  });
  return `\n${console.trimEnd().split('\n').slice(-30).join('\n')}`;
}
