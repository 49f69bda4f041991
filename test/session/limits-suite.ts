// The tests of the limits that a session is kept to, wherever it came from and whichever version of control groups does it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { SessionLimits } from '../../src/core/session-limits.ts';
import { readMounts } from '../../src/session/host/mount-table.ts';
import { captureInSession, isAlive, type ProcessSession } from '../../src/session/process/processes.ts';

const KILLED = 128 + 9;

/** Registers the tests; the session is asked for when they run. */
export function describeLimits(
  title: string,
  limits: Required<SessionLimits>,
  sessionOf: () => ProcessSession,
): void {
  describe(title, () => {
    it('ends the program that takes more memory, and no other', async () => {
      const session = sessionOf();
      const others = await perl(session, HOLD_AND_TELL);
      const before = await read(session, 'memory', /^oom_kill (\d+)/m, [
        'memory.oom_control',
        'memory.events',
      ]);
      const { exitCode } = await captureInSession(session, [
        ...['perl', '-e', 'push @held, "x" x 2**20 for 1 .. shift', `${2 * mebibytes(limits.memoryBytes)}`],
      ]);
      assert.equal(exitCode, KILLED);
      const after = await read(session, 'memory', /^oom_kill (\d+)/m, [
        'memory.oom_control',
        'memory.events',
      ]);
      assert.equal(after, before + 1);
      assert.equal(isAlive(session), true);
      assert.equal(
        await perl(session, `print kill(0, ${others}) ? 'alive' : 'gone'; kill 'KILL', ${others}`),
        'alive',
      );
    });

    it('lets no program have more processes', async () => {
      const session = sessionOf();
      const count = Number(await perl(session, FORK_BOMB));
      assert.ok(count > 0 && count < limits.processCount, `${count} processes`);
      assert.ok(count > limits.processCount - 40, `${count} processes`);
      assert.equal(await perl(session, 'print "goes on"'), 'goes on');
    });

    it('lets its programs wait when they have had their time of the processors', async () => {
      const session = sessionOf();
      const throttled = () => read(session, 'cpu', /^nr_throttled (\d+)/m, ['cpu.stat']);
      const before = await throttled();
      await perl(session, spin(limits.processorCount / 4));
      assert.ok((await throttled()) > before, 'they never waited');
    });
  });
}

/** A process that is there, and its number. */
const HOLD_AND_TELL = `defined(my $pid = fork) or die; if ($pid == 0) { open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null';
  setpgrp; sleep 600 while 1 } print $pid`;

/** As many processes as there can be, for a moment; says how many. */
const FORK_BOMB = `my @bomb; while (defined(my $pid = fork)) { if ($pid == 0) { sleep 600; exit } push @bomb, $pid }
  kill 'KILL', @bomb; print scalar @bomb`;

/** More programs than there are processors, each of which uses up `seconds` of one. */
const spin = (seconds: number): string =>
  `for (1 .. 4) { defined(my $pid = fork) or die; next if $pid; while ((times)[0] < ${seconds}) { 1 for 1 .. 20_000 } exit } ` +
  '1 while wait > 0';

async function perl(session: ProcessSession, program: string): Promise<string> {
  const { stdout, stderr, exitCode } = await captureInSession(session, ['perl', '-e', program]);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** A number in one of the files that a controller has for the session's group: they have other names in the other version. */
async function read(
  session: ProcessSession,
  controller: string,
  pattern: RegExp,
  names: readonly string[],
): Promise<number> {
  const dir = await groupOf(session, controller);
  for (const name of names) {
    const text = await readFile(`${dir}/${name}`, 'latin1').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (text !== undefined) return Number(pattern.exec(text)?.[1]);
  }
  throw new Error(`no ${names.join(' or ')} in ${dir}`);
}

/** The folder of the session's group in the hierarchy with a controller. */
async function groupOf({ rootPid }: ProcessSession, controller: string): Promise<string> {
  const lines = (await readFile(`/proc/${rootPid}/cgroup`, 'latin1'))
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  const first = lines.find(([, controllers]) => controllers?.split(',').includes(controller));
  const path = (first ?? lines.find(([number]) => number === '0'))?.[2];
  assert.match(path ?? '', /^\/deskpod-[0-9a-f]{16}\/session$/);
  const mount = (await readMounts()).find(({ fsType, fsOptions }) =>
    first === undefined ? fsType === 'cgroup2' : fsType === 'cgroup' && fsOptions.includes(controller),
  );
  return `${mount?.mountPoint}${path}`;
}

function mebibytes(bytes: number): number {
  return bytes / 2 ** 20;
}
