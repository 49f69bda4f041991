// Guests: small machines in QEMU, with a Debian kernel of their own, that run suites of this checkout.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/sync/process.ts';
import { makeCheckout } from './checkout.ts';
import type { End, Outcome } from './outcome.ts';
import { UsbStick } from './usb-stick.ts';

const GUESTS_DIR = '/var/lib/deskpod/guests';
/** The whole of a guest's life. What hangs in it is ended by it first, and told. */
const TIMEOUT_MS = 360_000;
/** Processors by turns: emulated side by side, two meet code that the kernel is changing, and it panics. */
const MACHINE = ['-M', 'q35', '-accel', 'tcg,thread=single', '-nodefaults'];
/** Newer ones have more to emulate: wider registers, five levels of pages. */
const PROCESSOR = 'Nehalem';
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
const KERNEL_WORDS = ['console=ttyS0', 'quiet', 'panic=-1', ...LEFT_OUT];
/** What runs a suite, on the disk of the checkout. */
const SUITE_PROGRAM = '/checkout/test/session/guest/boot.sh';

const CHOSEN_RELEASES = process.env.DESKPOD_GUEST_RELEASES?.split(' ');

/** The Debian releases whose kernels the tests are run under. */
export const GUEST_RELEASES: readonly string[] = CHOSEN_RELEASES ?? ['trixie'];

/** Those to whose kernels a session travels that has the host's runtime; one that its device carries goes to the others. */
export const TRAVEL_RELEASES: readonly string[] = CHOSEN_RELEASES ?? ['bookworm'];

/** For a desktop, on an old processor: it has x86-64-v2 and XSAVE, and nothing beyond that. */
export const OLD_MACHINE: Machine = { processor: 'SandyBridge,-avx', memoryMebibytes: 3072, isBusy: true };

/** What a guest is. */
interface Machine {
  /** A disk that it may write on, besides its own. */
  readonly disk?: string;
  /** As QEMU names them. */
  readonly processor?: string;
  readonly memoryMebibytes?: number;
  /** 1 if it is not said. They take turns, so that it only becomes slower. */
  readonly processorCount?: number;
  /** For much work: machine code is made of JavaScript, which costs a few seconds first. */
  readonly isBusy?: boolean;
}

/** What a guest runs, and what it is. */
export interface Guest extends Machine {
  /** Of the suite. */
  readonly name: string;
  /** A module that its kernel does not have. */
  readonly lacking?: string;
}

/** What a guest begins with. */
export interface Boot extends Machine {
  /** A folder for its console and for what its program prints on the second serial line. */
  readonly dir: string;
  /** The image of its root; that of its release without one. */
  readonly root?: string;
  /** The image of what it finds at /checkout. */
  readonly checkout: string;
  /** What the first process after the initrd runs, a script of bash or of what the root has in its place. */
  readonly program: string;
  /** More words for the kernel's command line. */
  readonly words?: readonly string[];
  /** The image of a USB stick, which is plugged in and pulled out as the program asks: see {@link UsbStick}. */
  readonly stick?: string;
  /** That of a second one. */
  readonly otherStick?: string;
  /** The whole of its life. */
  readonly timeoutMs?: number;
  /**
   * Its clock goes by the instructions that it executes, a nanosecond each, however busy this machine is: what waits for a time in
   * there waits for nothing here, and is not too late because of others.
   */
  readonly countsInstructions?: boolean;
}

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
 *
 * @param files what they find in /checkout besides
 */
export async function runInGuests(
  release: string,
  guests: readonly Guest[],
  files: readonly string[] = [],
): Promise<GuestRun> {
  const guestDir = guestDirOf(release);
  const kernel = await readFile(join(guestDir, 'kernel'), 'utf8').catch((cause: unknown) => {
    throw new Error(`there is no guest in ${guestDir}: run ops/setup --tests`, { cause });
  });
  const dir = await mkdtemp(join(tmpdir(), 'deskpod-guest-'));
  try {
    const checkout = join(dir, 'checkout.erofs');
    await makeCheckout(join(dir, 'checkout'), checkout, files);
    const told = await Promise.allSettled(
      guests.map((guest) => runSuite(release, checkout, join(dir, guest.name), guest)),
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

/** Boots one guest, whose suite must pass. */
export async function passInGuest(release: string, guest: Guest, files?: readonly string[]): Promise<void> {
  const { kernel, outcomes } = await runInGuests(release, [guest], files);
  assert.ok(outcomes.size > 0);
  for (const { title, failure } of outcomes.values())
    if (failure !== undefined) assert.fail(`Linux ${kernel}: ${title}: ${failure}`);
}

/** The folder of the guest of a Debian release. */
export function guestDirOf(release: string): string {
  return join(process.env.DESKPOD_GUESTS ?? GUESTS_DIR, release);
}

/** @param dir where the guest's console and outcomes are kept */
async function runSuite(
  release: string,
  checkout: string,
  dir: string,
  { name, lacking, ...machine }: Guest,
): Promise<Outcome[]> {
  await mkdir(dir);
  const words = [
    `suite=${name}`,
    ...(machine.isBusy === true ? ['busy'] : []),
    ...(lacking === undefined ? [] : [`without=${lacking}`]),
  ];
  await bootGuest(release, { ...machine, dir, checkout, program: SUITE_PROGRAM, words });
  return readOutcomes(dir);
}

/**
 * Boots a guest, and returns when it has turned itself off: what its program printed on the second serial line.
 * Fails with the last lines of its console if it does not.
 */
export async function bootGuest(release: string, boot: Boot): Promise<string> {
  const { dir, checkout, program, words = [], disk: data } = boot;
  const { processor = PROCESSOR, processorCount = 1, memoryMebibytes = 1536, timeoutMs = TIMEOUT_MS } = boot;
  const guestDir = guestDirOf(release);
  const disk = (file: string, mode = ',readonly=on') => [
    '-drive',
    `file=${file},format=raw,if=virtio${mode}`,
  ];
  const serial = (name: string) => ['-serial', `file:${join(dir, name)}`];
  const sticks = [boot.stick, boot.otherStick].filter((image) => image !== undefined);
  const stick = sticks.length === 0 ? undefined : new UsbStick(sticks, join(dir, 'monitor'));
  const ending = new AbortController();
  try {
    const ended = run(
      'qemu-system-x86_64',
      [
        ...[...MACHINE, '-cpu', processor, '-smp', `${processorCount}`, '-m', `${memoryMebibytes}M`],
        ...(boot.countsInstructions === true ? ['-icount', 'shift=0,sleep=off'] : []),
        ...['-display', 'none', '-no-reboot', ...serial('console'), ...serial('outcomes')],
        ...['-kernel', join(guestDir, 'vmlinuz'), '-initrd', join(guestDir, 'initrd')],
        ...['-append', [...KERNEL_WORDS, `run=${program}`, ...words].join(' ')],
        ...[...disk(boot.root ?? join(guestDir, 'root.erofs')), ...disk(checkout)],
        ...(data === undefined ? [] : disk(data, '')),
        ...(stick?.arguments ?? []),
      ],
      { timeoutMs, signal: ending.signal },
    );
    await (stick === undefined ? ended : stick.serveUntil(ended, join(dir, 'outcomes'), ending));
  } catch (cause) {
    throw new Error(`the guest could not be run: ${await lastLines(dir)}`, { cause });
  }
  return readFile(join(dir, 'outcomes'), 'utf8');
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

/** The end of what a guest's console showed. */
export async function lastLines(dir: string): Promise<string> {
  const console = await readFile(join(dir, 'console'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return 'it said nothing';
    throw error;
  });
  return `\n${console.trimEnd().split('\n').slice(-30).join('\n')}`;
}
