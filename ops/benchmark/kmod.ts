// ops/bench kmod: what the kernel module costs, on a host that has it and in a session that is registered with it.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeBarrierImage } from '../../test/kmod/guest-build.ts';
import { bootGuest } from '../../test/session/guest/machine.ts';
import { Findings, type Limit } from './report.ts';

const RELEASES = ['bookworm', 'trixie'];
const WITHOUT = 'without the module';
const TIMEOUT_MS = 1_500_000;
const WORKS = [
  'getppid',
  'kill of itself with signal 0',
  'kill of a child with signal 0',
  'kill of itself, handled',
  'open proc/self/stat, close',
  'fork, exit, wait',
  'fork, exec, wait',
];
/** With the module loaded, and with a session registered. */
const STATES = ['loaded', 'registered'];
const LIMITS = { host: 1.03, session: 1.1 } as const;

/** One run of one piece of work. */
interface Measured {
  readonly work: string;
  readonly place: string;
  readonly state: string;
  readonly ns: number;
}

/**
 * Measures in guests, emulated ones, below `place` and prints the rows; returns true if all hold. The clock there counts
 * instructions: how long they take on a processor it does not tell, but it is the same on a busy machine.
 */
export async function measureKmod(
  place: string,
  { runs, isJson }: { readonly runs: number; readonly isJson: boolean },
): Promise<boolean> {
  const findings = new Findings();
  for (const release of RELEASES) {
    const dir = join(place, `guest-${release}`);
    const checkout = join(place, `${release}.erofs`);
    await makeBarrierImage(release, 'cost', join(place, release), checkout);
    await mkdir(dir);
    const told = await bootGuest(release, {
      dir,
      checkout,
      program: '/checkout/barrier.sh',
      words: ['program=cost', `runs=${runs}`, `limit=${TIMEOUT_MS / 1000 - 90}`],
      timeoutMs: TIMEOUT_MS,
      countsInstructions: true,
    });
    const lines = told
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Measured | { runs: number });
    if (!lines.some((line) => 'runs' in line))
      throw new Error(`the guest of ${release} did not end its work`);
    for (const line of lines) if ('work' in line) note(findings, release, line);
  }
  return findings.report(limits(), isJson);
}

function note(findings: Findings, release: string, { work, place, state, ns }: Measured): void {
  if (state !== 'without') findings.note(rowOf(release, place, state, work), 'deskpod', ns);
  else for (const other of STATES) findings.note(rowOf(release, place, other, work), WITHOUT, ns);
}

function rowOf(release: string, place: string, state: string, work: string): string {
  return `${release}, ${place}, ${state}: ${work}`;
}

function limits(): Limit[] {
  return RELEASES.flatMap((release) =>
    (['host', 'session'] as const).flatMap((place) =>
      STATES.flatMap((state) =>
        WORKS.map((work) => ({
          name: rowOf(release, place, state, work),
          unit: 'instructions',
          peerName: WITHOUT,
          limit: LIMITS[place],
        })),
      ),
    ),
  );
}
