// Commands that the host runs in a session.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { isDeskPodError } from '../../src/core/errors.ts';
import {
  captureInSession,
  execInSession,
  killSession,
  type ProcessSession,
} from '../../src/session/process/processes.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';

describe('a command in a session', () => {
  let lab: SessionLab;
  let session: ProcessSession;

  before(async () => {
    lab = await openLab();
    await lab.mount('pod');
    session = await lab.start('pod');
  });

  after(async () => {
    await lab.close();
  });

  it('has its input, both outputs and its exit code', async () => {
    const result = await captureInSession(session, ['sh', '-c', 'cat; echo problem >&2; exit 7'], {
      stdin: 'typed',
    });
    assert.deepEqual(result, { stdout: 'typed', stderr: 'problem\n', exitCode: 7, signal: 0 });
  });

  it('starts in the home folder with the environment of the session, or where it is told', async () => {
    assert.equal(await shell(session, 'echo $PWD $DISPLAY $XDG_RUNTIME_DIR'), '/home/user :1 /run/user/1000');
    const { stdout } = await captureInSession(session, ['sh', '-c', 'echo $PWD $GREETING'], {
      cwd: '/tmp',
      env: { GREETING: 'a=b c' },
    });
    assert.equal(stdout, '/tmp a=b c\n');
  });

  it('passes megabytes in both directions', async () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'deskpod ');
    const command = await execInSession(session, ['cat'], { stdin: bytes });
    command.stderr.resume();
    const pieces: Buffer[] = [];
    for await (const piece of command.stdout) pieces.push(piece as Buffer);
    assert.deepEqual(await command.ended, { exitCode: 0, signal: 0 });
    assert.ok(Buffer.concat(pieces).equals(bytes));
  });

  it('waits for a host that reads slowly, and does not fill the memory of the session', async () => {
    const command = await execInSession(session, [
      'sh',
      '-c',
      'yes | head -c 50000000; echo done >/tmp/all-written',
    ]);
    command.stderr.resume();
    await once(command.stdout, 'readable');
    const agentKilobytes = Number(await shell(session, 'ps -o rss= -p $(pgrep -o -f exec-agent.pl)'));
    assert.ok(agentKilobytes < 40_000, `${agentKilobytes} KiB`);
    assert.equal(await shell(session, 'test -e /tmp/all-written || echo waits'), 'waits');
    let sizeBytes = 0;
    for await (const piece of command.stdout) sizeBytes += (piece as Buffer).length;
    assert.equal(sizeBytes, 50_000_000);
    await command.ended;
  });

  it('that does not exist, or has no such folder, is named', async () => {
    await assert.rejects(execInSession(session, ['no-such-program']), (error) => {
      assert.ok(isDeskPodError(error, 'EXEC_FAILED'));
      assert.match(error.message, /no-such-program.*No such file/);
      return true;
    });
    await assert.rejects(execInSession(session, ['true'], { cwd: '/no/such/folder' }), (error) =>
      isDeskPodError(error, 'EXEC_FAILED'),
    );
  });

  it('can be ended by a signal', async () => {
    const command = await execInSession(session, ['sleep', '1000']);
    command.kill('TERM');
    assert.deepEqual(await command.ended, { exitCode: 143, signal: 15 });
  });

  it('goes on when the host goes away, with no socket left half open', async () => {
    const stdin = new PassThrough();
    const command = await execInSession(
      session,
      ['sh', '-c', 'read x; seq 100000; echo finished >/tmp/finished'],
      { stdin },
    );
    command.abandon();
    await assert.rejects(command.ended, (error) => isDeskPodError(error, 'EXEC_FAILED'));
    await shell(session, 'until [ -e /tmp/finished ]; do sleep 0.02; done');
    // The one connection is that of the command which asks.
    assert.equal(await shell(session, 'ls -l /proc/$(pgrep -o -f exec-agent.pl)/fd | grep -c socket'), '2');
  });

  it('runs beside others', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        captureInSession(session, ['sh', '-c', `echo ${index}; exit ${index}`]),
      ),
    );
    assert.deepEqual(
      results.map(({ stdout, exitCode }) => [stdout, exitCode]),
      results.map((_, index) => [`${index}\n`, index]),
    );
  });

  it('fails when the session ends beneath it', async () => {
    await lab.mount('other');
    const other = await lab.start('other');
    const command = await execInSession(other, ['sleep', '1000']);
    await killSession(other);
    await assert.rejects(command.ended, (error) => isDeskPodError(error, 'EXEC_FAILED'));
    await assert.rejects(execInSession(other, ['true']), (error) => isDeskPodError(error, 'EXEC_FAILED'));
  });
});
