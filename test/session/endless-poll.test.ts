// A program that waits in poll(2) for as long as it takes is told nothing of a checkpoint: not every one expects EINTR there.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { listSessionTasks, type SessionTask } from '../../src/session/preflight/session-tasks.ts';
import { checkpointSession, suspendSession } from '../../src/session/process/checkpointing.ts';
import type { ProcessSession } from '../../src/session/process/processes.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';
import { until } from './until.ts';

/** Number of poll(2) on x86-64. */
const POLL = 7;

/** A program that waits once, for as many milliseconds, until something comes out of a pipe, and says what poll answered. */
function waiter(name: string, timeoutMs: number): string {
  return (
    `open my $pipe, "+<", "$ENV{HOME}/${name}.pipe" or die; my $polled = pack("iss", fileno($pipe), 1, 0); ` +
    `my $answer = syscall(${POLL}, $polled, 1, ${timeoutMs}); my $why = $answer < 0 ? "$!" : "something came"; ` +
    `open my $out, ">", "$ENV{HOME}/${name}" or die; print $out "$why\\n"`
  );
}

describe('a program that waits in poll', () => {
  let lab: SessionLab;

  beforeEach(async () => {
    lab = await openLab();
    await lab.mount('pod');
  });

  afterEach(() => lab.close());

  it('without a limit goes on waiting through a live checkpoint, a suspend and a resume', async () => {
    const session = await lab.start('pod');
    await startWaiter(session, 'waiter', -1);
    await checkpointSession(session, {
      imagesDir: await lab.imagesDir('live'),
      whileFrozen: async () => undefined,
    });
    await untilWaiting(session, 'waiter');

    const imagesDir = await lab.imagesDir('suspend');
    await suspendSession(session, { imagesDir });
    const resumed = await lab.resume('pod', imagesDir);

    await untilWaiting(resumed, 'waiter');
    assert.equal(
      await shell(resumed, 'echo >~/waiter.pipe; until [ -s ~/waiter ]; do sleep 0.02; done; cat ~/waiter'),
      'something came',
    );
  });

  it('with a limit is told of a resume, as nobody knows how much of it was left', async () => {
    const session = await lab.start('pod');
    await startWaiter(session, 'waiter', 1_000_000);
    const imagesDir = await lab.imagesDir('suspend');
    await suspendSession(session, { imagesDir });
    const resumed = await lab.resume('pod', imagesDir);
    assert.equal(
      await shell(resumed, 'until [ -s ~/waiter ]; do sleep 0.02; done; cat ~/waiter'),
      'Interrupted system call',
    );
  });

  it('such as script(1) is not ended with what runs in it', async () => {
    const session = await lab.start('pod');
    await shell(session, "setsid script -qc 'exec sleep infinity' /dev/null </dev/null >/dev/null 2>&1 &");
    await untilWaiting(session, 'script');
    await until(() => taskOf(session, 'sleep') !== undefined);
    const inside = taskOf(session, 'sleep')?.pid;

    const imagesDir = await lab.imagesDir('suspend');
    await suspendSession(session, { imagesDir });
    const resumed = await lab.resume('pod', imagesDir);

    await untilWaiting(resumed, 'script');
    assert.deepEqual([taskOf(resumed, 'sleep')?.pid, taskOf(resumed, 'sleep')?.state], [inside, 'S']);
  });
});

/** Starts a program in the session, and waits until it waits. */
async function startWaiter(session: ProcessSession, name: string, timeoutMs: number): Promise<void> {
  await shell(
    session,
    `mkfifo ~/${name}.pipe; cat >~/${name}.pl <<'PROGRAM'\n$0 = '${name}'; ${waiter(name, timeoutMs)}\nPROGRAM\n` +
      `setsid perl ~/${name}.pl </dev/null >/dev/null 2>&1 &`,
  );
  await untilWaiting(session, name);
}

/** Until a program is in poll, in the call itself and not in one that the kernel takes up again for it. */
async function untilWaiting(session: ProcessSession, name: string): Promise<void> {
  await until(async () => {
    const task = taskOf(session, name);
    if (task === undefined) return false;
    const call = await readFile(`/proc/${task.hostPid}/syscall`, 'utf8').catch(() => '');
    return call.startsWith(`${POLL} `);
  });
}

function taskOf({ rootPid }: ProcessSession, name: string): SessionTask | undefined {
  return listSessionTasks(rootPid).find(({ program }) => program === name);
}
