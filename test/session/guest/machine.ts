// Guests: small machines in QEMU, with a Debian kernel of their own, that run suites of this checkout.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/sync/process.ts';
import { makeCheckout } from './checkout.ts';
import type { End, Outcome } from './outcome.ts';

const GUESTS_DIR = '/var/lib/deskpod/guests';
/** The whole of a guest's life. What hangs in it is ended by it first, and told. */
const TIMEOUT_MS = 360_000;
/** Newer processors have more to emulate: wider registers, five levels of pages. */
const MACHINE = ['-M', 'q35', '-cpu', 'Nehalem', '-accel', 'tcg', '-smp', '1', '-m', '1536M', '-nodefaults'];
/** What an emulated machine has no use for, and pays for at every call and every page. */
const LEFT_OUT = [
  ...[
    'mitigations=off',
    'apparmor=0',
    'audit=0',
    'norandmaps',
    'init_on_alloc=0',
    'transparent_hugepage=never',
  ],
  ...['randomize_kstack_offset=off', 'hardened_usercopy=off', 'rcupdate.rcu_expedited=1'],
];
const KERNEL_WORDS = [
  'console=ttyS0',
  'quiet',
  'panic=-1',
  'run=/checkout/test/session/guest/boot.sh',
  ...LEFT_OUT,
];

/** What guests have run. */
export interface GuestRun {
  /** The kernel's version. */
  readonly kernel: string;
  /** By its title. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/**
 * Boots the guest of a Debian release once for each suite, all at the same time; each runs its suite and turns itself off.
 * Fails, with the last lines of its console, if one did not run every test to its end.
 */
export async function runInGuests(release: string, suites: readonly string[]): Promise<GuestRun> {
  const guestDir = join(process.env.DESKPOD_GUESTS ?? GUESTS_DIR, release);
  const kernel = await readFile(join(guestDir, 'kernel'), 'utf8').catch((cause: unknown) => {
    throw new Error(`there is no guest in ${guestDir}: run ops/setup --tests`, { cause });
  });
  const dir = await mkdtemp(join(tmpdir(), 'deskpod-guest-'));
  try {
    const checkout = join(dir, 'checkout.erofs');
    await makeCheckout(join(dir, 'checkout'), checkout);
    const told = await Promise.allSettled(
      suites.map((suite) => runSuite(guestDir, checkout, join(dir, suite))),
    );
    const outcomes = new Map<string, Outcome>();
    for (const result of told) {
      if (result.status === 'rejected') throw result.reason;
      for (const outcome of result.value) {
        assert.ok(!outcomes.has(outcome.title), `two tests are named ${outcome.title}`);
        outcomes.set(outcome.title, outcome);
      }
    }
    return { kernel: kernel.trim(), outcomes };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** @param dir where the guest's console and outcomes are kept; its name is the suite's */
async function runSuite(guestDir: string, checkout: string, dir: string): Promise<Outcome[]> {
  await mkdir(dir);
  const disk = (file: string) => ['-drive', `file=${file},format=raw,if=virtio,readonly=on`];
  const serial = (name: string) => ['-serial', `file:${join(dir, name)}`];
  const words = [...KERNEL_WORDS, `suite=${dir.slice(dir.lastIndexOf('/') + 1)}`];
  try {
    await run(
      'qemu-system-x86_64',
      [
        ...[...MACHINE, '-display', 'none', '-no-reboot', ...serial('console'), ...serial('outcomes')],
        ...['-kernel', join(guestDir, 'vmlinuz'), '-initrd', join(guestDir, 'initrd')],
        ...['-append', words.join(' '), ...disk(join(guestDir, 'root.erofs')), ...disk(checkout)],
      ],
      { timeoutMs: TIMEOUT_MS },
    );
  } catch (cause) {
    throw new Error(`the guest could not be run: ${await lastLines(dir)}`, { cause });
  }
  return readOutcomes(dir);
}

async function readOutcomes(dir: string): Promise<Outcome[]> {
  // What follows the last newline is half a line, of a guest that stopped.
  const lines = (await readFile(join(dir, 'outcomes'), 'utf8')).split('\n').slice(0, -1);
  const told = lines.map((line) => JSON.parse(line) as Outcome | End);
  const outcomes = told.filter((line) => 'title' in line);
  const end = told.at(-1);
  if (end === undefined || !('testCount' in end)) {
    const last = outcomes.at(-1)?.title ?? 'none';
    assert.fail(
      `the guest stopped after ${outcomes.length} tests, the last was: ${last}${await lastLines(dir)}`,
    );
  }
  assert.equal(outcomes.length, end.testCount);
  return outcomes;
}

async function lastLines(dir: string): Promise<string> {
  const console = await readFile(join(dir, 'console'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return 'it said nothing';
    throw error;
  });
  return `\n${console.trimEnd().split('\n').slice(-30).join('\n')}`;
}
