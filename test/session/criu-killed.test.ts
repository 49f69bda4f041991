// CRIU ended in the middle of its work, as by a kernel short of memory: the session goes on or is reported lost.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeskPodError } from '../../src/core/errors.ts';
import { checkpointSession, suspendSession } from '../../src/session/process/checkpointing.ts';
import { isAlive, type ProcessSession } from '../../src/session/process/processes.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';
import { until } from './until.ts';

describe('a session whose CRIU is killed', () => {
  let lab: SessionLab;

  beforeEach(async () => {
    lab = await openLab();
    await lab.mount('pod');
  });

  afterEach(async () => {
    await lab.close();
  });

  for (const afterMs of [10, 60, 110, 160, 210]) {
    it(`is checkpointed by another attempt, ${afterMs} ms into a dump`, async () => {
      // A process that CRIU was just looking into can be lost: now and then it is the first one, and the session with it.
      for (let lostCount = 0; ; lostCount++) {
        const session = await lab.start('pod');
        await session.settled;
        const imagesDir = await lab.imagesDir(`${lostCount}`);
        const checkpointing = checkpointSession(session, { imagesDir });
        const killing = killCriu(lab.dir, 'dump', afterMs, checkpointing);
        const [checkpointed] = await Promise.allSettled([checkpointing]);
        await killing;
        if (checkpointed.status === 'fulfilled') {
          assert.equal(isAlive(session), true);
          // pid 1 starts the agent again if it was that one
          await untilAnswered(session);
          return;
        }
        assert.ok(isDeskPodError(checkpointed.reason, 'SESSION_LOST'), String(checkpointed.reason));
        assert.equal(isAlive(session), false);
        assert.ok(lostCount < 2, 'three sessions were lost one after another');
      }
    });
  }

  it('is suspended by another attempt if its images were complete, as it has run since', async () => {
    const session = await lab.start('pod');
    const imagesDir = await lab.imagesDir('one');
    let calls = 0;
    const { attemptCount } = await suspendSession(session, {
      imagesDir,
      whileFrozen: async () => {
        if (++calls === 1) await killCriu(lab.dir, 'dump', 0);
      },
    });
    assert.equal(attemptCount, 2);
    assert.equal(calls, 2);
    assert.equal(await shell(await lab.resume('pod', imagesDir), 'echo came back'), 'came back');
  });

  it('does not go on before the work at the instant of its dump has been told to end, and has', async () => {
    const session = await lab.start('pod');
    const imagesDir = await lab.imagesDir('one');
    const seen: string[] = [];
    await checkpointSession(session, {
      imagesDir,
      whileFrozen: async (signal) => {
        seen.push('begins');
        if (seen.length > 1) return;
        const aborted = once(signal, 'abort');
        await killCriu(lab.dir, 'dump', 0);
        await aborted;
        // whoever does not wait for this empties the folder in a few steps of the same kind, to try again
        for (let step = 0; step < 200; step++)
          if ((await readdir(imagesDir)).length === 0) seen.push('went on');
        seen.push('ended');
        throw signal.reason;
      },
    });
    assert.deepEqual(seen, ['begins', 'ended', 'begins']);
  });

  for (const afterMs of [5, 40, 80, 120, 160]) {
    it(`leaves no half-made process ${afterMs} ms into a restore, and can be resumed after that`, async () => {
      const imagesDir = await lab.imagesDir('one');
      await suspendSession(await lab.start('pod'), { imagesDir });
      await lab.copy('pod', 'copy');
      const resuming = lab.resume('pod', imagesDir).catch((error: unknown) => {
        assert.ok(isDeskPodError(error, 'RESUME_FAILED'));
        return undefined;
      });
      const killing = killCriu(lab.dir, 'restore', afterMs, resuming);
      const first = await resuming;
      await killing;
      // On a fast machine the restore was done before. Killed in its last millisecond, CRIU has let processes run, and
      // they wrote files: the files of the checkpoint belong to the next attempt.
      await lab.mount('copy');
      const session = first ?? (await lab.resume('copy', imagesDir));
      assert.equal(await shell(session, 'echo came back'), 'came back');
    });
  }
});

async function untilAnswered(session: ProcessSession): Promise<void> {
  await until(async () => {
    const answer = await shell(session, 'echo goes on').catch((error: unknown) => {
      assert.ok(isDeskPodError(error, 'EXEC_FAILED'));
      return undefined;
    });
    return answer === 'goes on';
  });
}

/** Kills the CRIU that works in `dir`, some time after it started; false if it was done before, as `work` is then. */
async function killCriu(
  dir: string,
  verb: 'dump' | 'restore',
  afterMs: number,
  work: Promise<unknown> = new Promise(() => undefined),
): Promise<boolean> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  work.then(end, end);
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await delay(2)) {
    if (isOver) return false;
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (
        !commandLine.includes(`criu\0`) ||
        !commandLine.includes(`\0${verb}\0`) ||
        !commandLine.includes(dir)
      )
        continue;
      await delay(afterMs);
      try {
        process.kill(Number(pid), 'SIGKILL');
        return true;
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
        return false;
      }
    }
  }
  throw new Error(`no criu ${verb} was started`);
}
