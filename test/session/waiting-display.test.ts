// Whether a display takes connections: told from its process, before one is made that it might not let go of.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilDisplayWaits } from '../../src/session/preflight/waiting-display.ts';

const BUSY_TIMEOUT_MS = 200;
const PATIENCE_MS = 30_000;

describe('the display of a session', () => {
  let dir: string;
  let session: ChildProcess | undefined;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-test-'));
    // the kernel calls a process by the name that it was started by
    await symlink('/bin/sh', join(dir, 'Xvnc'));
  });
  afterEach(async () => {
    if (session?.pid !== undefined) {
      const ended = once(session, 'close');
      process.kill(-session.pid, 'SIGKILL');
      await ended;
    }
    session = undefined;
    await rm(dir, { recursive: true });
  });

  /** A session whose first process has started a display that runs `script`, and has said something. */
  async function displayThat(script: string): Promise<ChildProcess & { pid: number }> {
    const started = spawn('/bin/sh', ['-c', '"$0" -c "$1"; exit', join(dir, 'Xvnc'), script], {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    session = started;
    await once(started.stdout, 'data');
    assert.ok(started.pid !== undefined);
    return started as ChildProcess & { pid: number };
  }

  it('takes connections while it waits for what is wanted of it', async () => {
    const { pid } = await displayThat('echo; read line');
    await untilDisplayWaits(pid, PATIENCE_MS);
  });

  it('takes none while it computes without end', async () => {
    const { pid } = await displayThat('echo; while :; do :; done');
    await assert.rejects(untilDisplayWaits(pid, BUSY_TIMEOUT_MS), /the display was busy for 200 ms/);
  });

  it('takes them when it has done what it was at', async () => {
    const { pid } = await displayThat(`echo; until [ -e ${dir}/done ]; do :; done; read line`);
    const waiting = untilDisplayWaits(pid, PATIENCE_MS);
    await symlink('/', join(dir, 'done'));
    await waiting;
  });

  it('takes none while it is stopped, and if there is none', async () => {
    const { pid } = await displayThat('echo; kill -STOP $$');
    const stopped = async (): Promise<void> => {
      // it is seen to wait no more once it is stopped
      for (;;) await untilDisplayWaits(pid, PATIENCE_MS);
    };
    await assert.rejects(stopped, /the display is stopped/);
    await assert.rejects(untilDisplayWaits(process.pid, BUSY_TIMEOUT_MS), /the session has no display/);
  });
});
