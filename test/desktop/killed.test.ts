// A desktop pod whose supervisor, CRIU or first process is killed: the next command goes on, and nothing saved is lost.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoggedEvent } from '../../src/core/events.ts';
import { endProcess, identifyProcess } from '../../src/session/host/process-identity.ts';
import type { StartReport } from '../../src/session/operation/operations.ts';
import { readSessionNote } from '../../src/session/pod/session-note.ts';
import { lookAtPresent } from '../../src/session/wizard/present-device.ts';
import { lockHolder } from '../../src/sync/posix/flock.ts';
import { until } from '../session/until.ts';
import type { Running } from '../tree/program.ts';
import { DesktopLab, PASSPHRASE } from './desktop-lab.ts';
import { runtimeWith } from './odd-runtime.ts';

describe('a desktop pod', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('whose supervisor is killed keeps its session, which the next command takes over', async () => {
    await lab.start();
    await lab.startCounter();
    await lab.program.answer(['checkpoint', ...lab.at()]);
    const before = await lab.counter();
    const { rootPid } = await lab.status();
    await lab.killSupervisor();
    const status = await lab.status();
    await lab.supervisor();
    assert.equal(status.rootPid, rootPid);
    assert.equal(status.session.status, 'running');
    assert.equal((await lab.counter(before.count)).pid, before.pid);
    await lab.killSupervisor();
    const { number } = await lab.program.answer<{ number: number }>(['suspend', ...lab.at()]);
    assert.equal(number, 2);
    await lab.start();
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('leaves no pid behind that is not the one of its running session', async () => {
    const { bundleDir } = await lab.stage();
    const pids = (): string[] =>
      readdirSync(bundleDir).filter((name) => /^(session|restore)\.pid$/.test(name));
    await lab.start();
    assert.deepEqual(pids(), []);
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.start();
    assert.deepEqual(pids(), []);
  });

  it('whose session runs is left alone by a wizard that is to go on with its device', async () => {
    await lab.start();
    await lab.startCounter();
    await lab.program.answer(['checkpoint', ...lab.at()]);
    const before = await lab.counter();
    for (const end of [async () => undefined, () => lab.killSupervisor()]) {
      await end();
      await assert.rejects(lookAtPresent(lab.image, { passphrase: PASSPHRASE }), {
        code: 'SESSION_ALREADY_RUNNING',
      });
    }
    await lab.status();
    await lab.supervisor();
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  for (const [title, moment] of [
    ['before its processes are saved', (step: string) => step === 'saving the processes'],
    ['while the checkpoint is stored', (step: string) => step === 'storing the checkpoint'],
    ['when it has read the files', (step: string) => step === 'reading files'],
    ['while the vault is locked', (step: string) => step === 'locking the vault'],
  ] as const) {
    it(`whose supervisor is killed in a suspend, ${title}, is suspended or goes on`, async () => {
      await lab.start();
      await lab.startCounter();
      const before = await lab.counter();
      await lab.supervisor();
      const suspend = lab.program.start(['suspend', ...lab.at()]);
      await suspend.progress(({ step }) => moment(step));
      await lab.killSupervisor();
      const { status, stdout } = await suspend.ended;
      if (status !== 0) assert.match(stdout, /"code":"SUPERVISOR_UNREACHABLE"/);
      const { session } = await lab.status();
      assert.ok(session.status === 'running' || session.status === 'suspended', JSON.stringify(session));
      assert.deepEqual(dumpsInto((await lab.stage()).imagesDir), []);
      if (session.status === 'suspended') await lab.start();
      else await lab.supervisor();
      const after = await lab.counter(before.count);
      assert.equal(after.pid, before.pid);
    });
  }

  it('whose images are complete in memory when the supervisor is killed is suspended by the next command', async () => {
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    const { imagesDir } = await lab.stage();
    const supervisor = await lab.supervisor();
    const suspend = lab.program.start(['suspend', ...lab.at()]);
    await until(() => existsSync(join(imagesDir, 'inventory.img')));
    assert.equal(await endProcess(supervisor), true);
    await suspend.ended;
    const { session } = await lab.status();
    assert.ok(session.status === 'running' || session.status === 'suspended', JSON.stringify(session));
    assert.deepEqual(dumpsInto(imagesDir), []);
    if (session.status === 'suspended') await lab.start();
    else await lab.supervisor();
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('whose CRIU was let end the session when the supervisor is killed is taken over when that has ended', async () => {
    const program = lab.program.with({ env: { DESKPOD_RUNTIME: await stoppingRuntime(lab.dir) } });
    await program.answer(['start', lab.image, '--no-view']);
    const supervisor = await lab.supervisor();
    await lab.startCounter();
    const before = await lab.counter();
    const staging = await lab.stage();
    const suspend = program.start(['suspend', ...lab.at()]);
    await until(() => dumpsInto(staging.imagesDir).some((pid) => stateOf(pid) === 'T'));
    const [criu] = dumpsInto(staging.imagesDir);
    assert.ok(criu !== undefined);
    assert.ok(existsSync(join(staging.privateDir, 'session-ended')));
    assert.equal(await endProcess(supervisor), true);
    await suspend.ended;
    const judging = readSessionNote(staging);
    // whoever does not wait has judged by now
    for (let i = 0; i < 10; i++) await readFile(join(staging.privateDir, 'session-ended'));
    process.kill(criu, 'SIGCONT');
    assert.equal(await judging, undefined);
    const { session } = await lab.status();
    assert.equal(session.status, 'suspended');
    await lab.start();
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('whose supervisor is killed in a start can be started again', async () => {
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    await lab.program.answer(['suspend', ...lab.at()]);
    for (const moment of [/^resuming checkpoint/, /^$/]) {
      const { privateDir, imagesDir, lockFile } = await lab.stage();
      const start = lab.program.start(['start', lab.image, '--no-view']);
      // the start before it may have left images, too
      const isRestoring = () =>
        existsSync(join(imagesDir, 'inventory.img')) && lockHolder(lockFile) !== undefined;
      if (moment.source === '^$') await until(isRestoring);
      else await start.progress(({ step }) => moment.test(step));
      if (existsSync(privateDir)) await lab.killSupervisor();
      await start.ended;
    }
    const report = await lab.program.run(['--json', 'start', lab.image, '--no-view']);
    await lab.supervisor();
    assert.match(report.stdout, /"resumedCheckpoint":1|SESSION_ALREADY_RUNNING/);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('whose CRIU is killed in a suspend is suspended all the same, or goes on', async () => {
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    const suspend = lab.program.start(['suspend', ...lab.at()]);
    await killCriu((await lab.stage()).dir, suspend);
    const { status, stdout } = await suspend.ended;
    if (status !== 0) assert.match(stdout, /"code":"SUSPEND_FAILED"/);
    const { session } = await lab.status();
    assert.equal(session.status, status === 0 ? 'suspended' : 'running');
    if (status === 0) await lab.start();
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('whose CRIU is killed in a start says so, and resumes at the next start', async () => {
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    await lab.program.answer(['suspend', ...lab.at()]);
    const start = lab.program.start(['start', lab.image, '--no-view']);
    await killCriu((await lab.stage()).dir, start);
    const { status, stdout } = await start.ended;
    if (status !== 0) {
      assert.match(stdout, /"code":"RESUME_FAILED"/);
      assert.equal((await lab.status()).session.status, 'suspended');
      const { resumedCheckpoint } = await lab.start();
      assert.equal(resumedCheckpoint, 1);
    }
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });

  it('whose first process is killed has lost its session but no file, and starts afresh', async () => {
    await lab.start();
    await lab.shell('echo kept > ~/file; sync');
    const { rootPid } = await lab.status();
    const supervisor = await lab.supervisor();
    await killSession(rootPid);
    await until(() => identifyProcess(supervisor.pid)?.startTicks !== supervisor.startTicks);
    assert.equal((await lab.status()).session.status, 'lost');
    const { events } = await lab.program.answer<{ events: LoggedEvent[] }>(['log', ...lab.at()]);
    assert.equal(events.at(-1)?.event.type, 'session.lost');
    const { resumedCheckpoint } = await lab.start();
    assert.equal(resumedCheckpoint, undefined);
    assert.equal(await lab.shell('cat ~/file'), 'kept');
  });

  it('goes back to its last checkpoint with start --resume: files and processes of that instant', async () => {
    await lab.start();
    await lab.startCounter();
    await lab.shell('echo before > ~/file');
    await lab.program.answer(['checkpoint', ...lab.at()]);
    const before = await lab.counter();
    await lab.shell('echo after > ~/file; touch ~/later');
    const { rootPid } = await lab.status();
    const supervisor = await lab.supervisor();
    await killSession(rootPid);
    await until(() => identifyProcess(supervisor.pid)?.startTicks !== supervisor.startTicks);
    const { resumedCheckpoint, warnings } = await lab.start(['--resume']);
    assert.equal(resumedCheckpoint, 1);
    assert.match(warnings.join(' '), /checkpoint 2/);
    assert.equal(await lab.shell('cat ~/file; ls ~/later 2>/dev/null || echo gone'), 'before\ngone');
    assert.equal((await lab.counter()).pid, before.pid);
  });

  it('whose supervisor and first process are killed at once has lost its session, which is noted', async () => {
    await lab.start();
    await lab.shell('echo kept > ~/file; sync');
    const { rootPid } = await lab.status();
    await lab.killSupervisor();
    await killSession(rootPid);
    assert.equal((await lab.status()).session.status, 'lost');
    const report: StartReport = await lab.start();
    assert.equal(report.resumedCheckpoint, undefined);
    assert.equal(await lab.shell('cat ~/file'), 'kept');
  });
});

async function killSession(rootPid: number | undefined): Promise<void> {
  const root = identifyProcess(rootPid ?? 0);
  assert.ok(root !== undefined);
  assert.equal(await endProcess(root), true);
}

/** Kills the first CRIU that works on the session in `stagingDir`, unless the command ends before. */
async function killCriu(stagingDir: string, running: Running): Promise<void> {
  let hasEnded = false;
  void running.ended.then(() => {
    hasEnded = true;
  });
  await until(() => {
    if (hasEnded) return true;
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const commandLine = readCommandLine(pid);
      if (!/criu\0/.test(commandLine) || !/\0(dump|restore)\0/.test(commandLine)) continue;
      if (!commandLine.includes(stagingDir)) continue;
      const criu = identifyProcess(Number(pid));
      if (criu !== undefined) process.kill(criu.pid, 'SIGKILL');
      return true;
    }
    return false;
  });
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/**
 * A runtime folder whose CRIU stops as soon as it has been let end the session. Of several scripts that it is given CRIU
 * runs the first one last.
 */
async function stoppingRuntime(dir: string): Promise<string> {
  const script = join(dir, 'stop.sh');
  const stop = '[ "$CRTOOLS_SCRIPT_ACTION" = post-dump ] || exit 0; kill -STOP $PPID';
  await writeFile(script, `#!/bin/sh\n${stop}\n`, { mode: 0o700 });
  return runtimeWith(
    dir,
    (criu) => `[ "$1" = dump ] || exec ${criu} "$@"; shift; exec ${criu} dump --action-script ${script} "$@"`,
  );
}

/** The CRIUs that dump into a folder. */
function dumpsInto(imagesDir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const words = textOf(`/proc/${pid}/cmdline`).split('\0');
      return words.includes('dump') && words.includes(imagesDir);
    })
    .map(Number);
}

/** `T` for one that was stopped, `Z` for one that has ended. */
function stateOf(pid: number): string {
  return textOf(`/proc/${pid}/stat`).replace(/^.*\) /s, '')[0] ?? 'Z';
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
