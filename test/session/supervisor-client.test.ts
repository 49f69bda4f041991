// A supervisor that is gone, or goes while it is asked: it is known whether something may have been done.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { callAttentively, callSupervisor, supervisorListens } from '../../src/session/supervisor/client.ts';

describe('a supervisor that does not answer', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-client-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('has done nothing if it was gone before it was asked', async () => {
    assert.equal(await mayBeAskedAgain(join(dir, 'gone'), 'checkpoint'), true);
  });

  it('may have done what it was asked for before it went, unless that only reads', async () => {
    const path = join(dir, 'going');
    const server = createServer((socket) => socket.once('data', () => socket.destroy())).listen(path);
    await once(server, 'listening');
    try {
      assert.equal(await mayBeAskedAgain(path, 'checkpoint'), false);
      assert.equal(await mayBeAskedAgain(path, 'status'), true);
    } finally {
      server.close();
    }
  });

  describe('as it is stopped', () => {
    let path: string;
    let stopped: Server;
    const connections = new Set<Socket>();
    beforeEach(async () => {
      path = join(dir, 'stopped');
      // what the kernel does for a process that is stopped: it connects, and takes what is sent
      stopped = createServer((socket) => connections.add(socket)).listen(path);
      await once(stopped, 'listening');
    });
    afterEach(() => {
      for (const connection of connections) connection.destroy();
      connections.clear();
      stopped.close();
    });

    it('is not taken for one that has gone, and keeps nobody waiting', async () => {
      const failure: unknown = await supervisorListens(path, 20).catch((error) => error);
      assert.ok(isDeskPodError(failure, 'SUPERVISOR_UNREACHABLE'));
      assert.match(failure.message, /it is stopped, or hangs/);
      assert.equal(failure.details.isEnding, undefined);
    });

    it('is given up also after it was asked for something', async () => {
      const asked = callAttentively(path, 'sync', {}, { onProgress: () => undefined, silenceMs: 20 });
      const failure: unknown = await asked.catch((error) => error);
      assert.ok(isDeskPodError(failure, 'SUPERVISOR_UNREACHABLE'));
      assert.match(failure.message, /it is stopped, or hangs/);
    });

    it('is left alone by who does not want to wait any more', async () => {
      const stop = new AbortController();
      const asked = callAttentively(path, 'sync', {}, { onProgress: () => undefined, signal: stop.signal });
      stop.abort();
      await assert.rejects(asked, { code: 'SUPERVISOR_UNREACHABLE' });
    });
  });
});

async function mayBeAskedAgain(path: string, operation: string): Promise<boolean> {
  const failure: unknown = await callSupervisor(path, operation, {}, () => undefined).catch((error) => error);
  assert.ok(isDeskPodError(failure, 'SUPERVISOR_UNREACHABLE'));
  return failure.details.isEnding === true;
}
