// Who gets into a staging folder: other users of the host must not reach the session's files and its display's socket.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHIFTED_ID_START } from '../../src/session/barrier/bundle.ts';
import { prepareStaging, removeStaging, type Staging } from '../../src/session/host/staging.ts';
import { ProcessError, run } from '../../src/sync/process.ts';

const NOBODY = 65_534;

describe('a staging folder', () => {
  let staging: Staging;

  beforeEach(async () => {
    staging = await prepareStaging(randomBytes(8).toString('hex'));
    await chmod(staging.mergedDir, 0o755);
    await writeFile(join(staging.mergedDir, 'file'), 'of the session', { mode: 0o644 });
  });

  afterEach(async () => {
    await removeStaging(staging);
  });

  const readAs = async (uid: number, gid: number): Promise<string> => {
    const ids = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
    return (await run('setpriv', [...ids, 'cat', join(staging.mergedDir, 'file')])).stdout;
  };

  it('lets root and the root of a session pass to the mounted root', async () => {
    assert.equal(await readAs(0, 0), 'of the session');
    assert.equal(await readAs(SHIFTED_ID_START, SHIFTED_ID_START), 'of the session');
  });

  it('lets no other user of the host pass, whatever the modes in it are', async () => {
    await assert.rejects(
      () => readAs(NOBODY, NOBODY),
      (error) => error instanceof ProcessError && /Permission denied/.test(error.stderrTail),
    );
  });
});
