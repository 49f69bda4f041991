// A session from the outside: started once, worked in, suspended, resumed, ended.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartReport } from '../../src/session/operation/operations.ts';
import { DesktopLab } from './desktop-lab.ts';

describe('the session of a desktop pod', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('is started once, and found without a path while it runs', async () => {
    const { resumedCheckpoint } = await lab.start();
    assert.equal(resumedCheckpoint, undefined);
    await lab.program.failure('SESSION_ALREADY_RUNNING', ['start', lab.image, '--no-view']);
    await lab.program.failure('SESSION_ALREADY_RUNNING', ['start', lab.image, '--no-view', '--fresh']);
    const { session, rootPid } = await lab.status();
    assert.equal(session.status, 'running');
    assert.ok((rootPid ?? 0) > 1);
    await lab.program.failure('DEVICE_IN_USE', ['create', lab.image, '--force', '--yes']);
  });

  it('runs a command with its input, both its outputs and its exit status', async () => {
    await lab.start();
    const input = Buffer.alloc(300_000, 'deskpod\n');
    const { status, stdout, stderr } = await lab.program
      .with({ input })
      .run(['exec', ...lab.at(), '--', 'sh', '-c', 'cat; echo oops >&2; exit 42']);
    assert.equal(status, 42);
    assert.equal(stdout, input.toString());
    assert.equal(stderr, 'oops\n');
    const signalled = await lab.program.run(['exec', ...lab.at(), '--', 'sh', '-c', 'kill -TERM $$']);
    assert.equal(signalled.status, 143);
    const missing = await lab.program.run(['exec', ...lab.at(), '--', 'no-such-program']);
    assert.notEqual(missing.status, 0);
  });

  it('is started without a network where there is none, and says so', async () => {
    const programs = join(lab.dir, 'programs');
    await mkdir(programs);
    await writeFile(join(programs, 'pasta'), '#!/bin/sh\necho no route >&2; exit 1\n', { mode: 0o700 });
    const here = lab.program.with({ env: { PATH: `${programs}:${process.env.PATH}` } });
    const { warnings } = await here.answer<StartReport>(['start', lab.image, '--no-view']);
    assert.match(warnings.join(), /no network/);
  });

  it('goes on counting in a variable of its shell after suspend and start, also if root keeps files to itself', async () => {
    const careful = lab.program.with({ through: ['sh', '-c', 'umask 077; exec "$@"', 'sh'] });
    await careful.answer(['start', lab.image, '--no-view']);
    await lab.supervisor();
    await lab.startCounter();
    const before = await lab.counter();
    const { number } = await lab.program.answer<{ number: number }>(['suspend', ...lab.at()]);
    assert.deepEqual((await lab.status()).session, { status: 'suspended', checkpoint: number });
    const { resumedCheckpoint } = await lab.start();
    assert.equal(resumedCheckpoint, number);
    const after = await lab.counter(before.count);
    assert.equal(after.pid, before.pid);
  });

  it('goes on from the checkpoint that a prune left, be it pruned while it runs or while it is suspended', async () => {
    const prune = ['prune', '--keep-last', '1', '--max-unused', '0', ...lab.at()];
    await lab.start();
    await lab.startCounter();
    for (const name of ['first', 'second']) {
      await lab.shell(`head -c 300000 /dev/urandom > ~/file; echo ${name} > ~/name`);
      await lab.program.answer(['checkpoint', ...lab.at()]);
    }
    const running = await lab.program.answer<{ forgotten: number[] }>(prune);
    assert.deepEqual(running.forgotten, [1]);
    const before = await lab.counter();
    await lab.program.answer(['suspend', ...lab.at()]);
    const suspended = await lab.program.answer<{ forgotten: number[]; repackedPacks: number }>(prune);
    assert.deepEqual(suspended.forgotten, [2]);
    assert.ok(suspended.repackedPacks > 0);
    assert.equal((await lab.start()).resumedCheckpoint, 3);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
    assert.equal(await lab.shell('cat ~/name'), 'second');
  });

  it('is checkpointed while it runs, ended by stop, and started afresh on its files', async () => {
    await lab.start();
    await lab.shell('echo kept > ~/file');
    const { number } = await lab.program.answer<{ number: number }>(['checkpoint', ...lab.at()]);
    assert.equal(number, 1);
    await lab.program.answer(['stop', ...lab.at()]);
    assert.deepEqual((await lab.status()).session, { status: 'none' });
    const { resumedCheckpoint } = await lab.start();
    assert.equal(resumedCheckpoint, undefined);
    assert.equal(await lab.shell('cat ~/file'), 'kept');
  });

  it('keeps what a program holds open under a name that is gone, while it has another', async () => {
    await lab.start();
    const program =
      'echo held >held; exec 3<held; ln held other; rm held; touch ready; until [ -e go ]; do sleep 0.05; done; cat <&3 >got';
    await lab.shell(
      `setsid sh -c '${program}' </dev/null >/dev/null 2>&1 & until [ -e ready ]; do sleep 0.05; done`,
    );
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.start();
    assert.equal(
      await lab.shell('touch go; until [ -s got ]; do sleep 0.05; done; cat got; ls'),
      'held\ngo\ngot\nother\nready',
    );
  });

  it('says whether a suspend would succeed, and which program and window is in the way', async () => {
    await lab.start();
    assert.deepEqual((await lab.status()).suspend, { wouldSucceed: true, obstacles: [] });
    const program =
      'open F, ">", "big"; print F "x" x 1048576 for 1 .. 70; close F; open F, "<", "big"; unlink "big"; ' +
      'open G, ">", "made"; close G; sleep 1000 while 1';
    await lab.shell(
      `setsid xterm -T 'my notes' -e perl -e '${program}' </dev/null >/dev/null 2>&1 & until [ -e made ]; do sleep 0.05; done`,
    );
    const { suspend } = await lab.status();
    const [obstacle] = suspend?.obstacles ?? [];
    assert.ok(suspend?.wouldSucceed === false && obstacle !== undefined);
    assert.match(
      obstacle.sentence,
      /^perl \(process \d+, window "my notes"\) holds a deleted file .*\(\/home\/user\/big, 7\d MiB\)$/,
    );
    const shown = await lab.program.run(['status', ...lab.at()]);
    assert.match(shown.stdout, /^suspend {5}would fail; .*deskpod stop/m);
    assert.ok(shown.stdout.includes(obstacle.sentence));

    const failure = await lab.program.failure('SUSPEND_FAILED', ['suspend', ...lab.at()]);
    assert.equal(failure.message, `the session could not be checkpointed: ${obstacle.sentence}`);
    assert.doesNotMatch(JSON.stringify(failure), /criu\/|Error \(/);
    const debugged = await lab.program.run(['--debug', 'suspend', ...lab.at()]);
    const logFile = /Error \(criu.*\(log: (\/\S+)\)/.exec(debugged.stderr)?.[1];
    assert.ok(existsSync(logFile ?? ''), debugged.stderr);

    await lab.shell(`kill ${obstacle.pid}`);
    await lab.program.answer(['suspend', ...lab.at()]);
    assert.equal((await lab.status()).suspend, undefined);
  });
});
