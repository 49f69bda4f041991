// A session that stops its own exec agent: no checkpoint waits for an answer that never comes.
import assert from 'node:assert/strict';
import { isDeskPodError } from '../../src/core/errors.ts';
import { checkpointSession, suspendSession } from '../../src/session/process/checkpointing.ts';
import type { SessionCommand } from '../../src/session/process/exec.ts';
import {
  adoptSession,
  execInSession,
  isAlive,
  type ProcessSession,
} from '../../src/session/process/processes.ts';
import { openLab, type SessionLab, untilStopped } from './session-fixture.ts';

const FEW_SECONDS_MS = 10_000;

describe('a session whose exec agent does not answer', () => {
  let lab: SessionLab;
  let session: ProcessSession;
  let command: SessionCommand;

  beforeEach(async () => {
    lab = await openLab();
    await lab.mount('pod');
    session = await lab.start('pod');
    command = await execInSession(session, [
      'sh',
      '-c',
      'kill -STOP $(pgrep -o -f exec-agent.pl); sleep 1000',
    ]);
    await untilStopped(session);
  });

  afterEach(async () => {
    await lab.close();
  });

  it('is suspended all the same, in a few seconds, and its command is told', async () => {
    const startedMs = performance.now();
    await suspendSession(session, { imagesDir: await lab.imagesDir('one') });
    assert.ok(performance.now() - startedMs < FEW_SECONDS_MS);
    assert.equal(isAlive(session), false);
    await assert.rejects(command.ended, (error) => isDeskPodError(error, 'EXEC_FAILED'));
  });

  it('is checkpointed, and goes on', async () => {
    const startedMs = performance.now();
    await checkpointSession(session, { imagesDir: await lab.imagesDir('one') });
    assert.ok(performance.now() - startedMs < FEW_SECONDS_MS);
    assert.equal(isAlive(session), true);
    await assert.rejects(command.ended, (error) => isDeskPodError(error, 'EXEC_FAILED'));
  });

  it('is taken over, resumed and suspended again', async () => {
    command.abandon();
    const { sessionId, mergedDir, bundleDir, rootPid } = session;
    const adopted = adoptSession({ sessionId, mergedDir, bundleDir, rootPid });
    const warnings = await adopted.settled;
    assert.ok(warnings.some((warning) => isDeskPodError(warning, 'EXEC_FAILED')));
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(adopted, { imagesDir });
    const resumed = await lab.resume('pod', imagesDir);
    await suspendSession(resumed, { imagesDir: await lab.imagesDir('two') });
    assert.equal(isAlive(resumed), false);
  });
});
