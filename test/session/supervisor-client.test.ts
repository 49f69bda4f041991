// A supervisor that is gone, or goes while it is asked: it is known whether something may have been done.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { callSupervisor } from '../../src/session/supervisor/client.ts';

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
});

async function mayBeAskedAgain(path: string, operation: string): Promise<boolean> {
  const failure: unknown = await callSupervisor(path, operation, {}, () => undefined).catch((error) => error);
  assert.ok(isDeskPodError(failure, 'SUPERVISOR_UNREACHABLE'));
  return failure.details.isEnding === true;
}
