// What the host reads of a session's start, from files that the session may have put traps in.
import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { SESSION_RUN_DIR } from '../../src/session/barrier/environment.ts';
import { isReady, readSessionOutput } from '../../src/session/process/session-output.ts';
import { SESSION_SOCKET_DIR } from '../../src/session/process/session-socket.ts';
import { run } from '../../src/sync/process.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';

describe('the output of a session that did not start', () => {
  let rootDir: string;
  let logFile: string;

  beforeEach(async () => {
    rootDir = await mkdtemp('/var/tmp/fixa-output-');
    await mkdir(`${rootDir}${SESSION_SOCKET_DIR}`, { recursive: true });
    logFile = `${rootDir}${SESSION_SOCKET_DIR}/session.log`;
  });

  afterEach(async () => {
    await rm(rootDir, { recursive: true, force: true });
  });

  it('is its last 2000 bytes, however long it is', async () => {
    await writeFile(logFile, 'short');
    assert.equal(await readSessionOutput(rootDir), 'short');
    await truncate(logFile, 2 ** 40);
    await appendFile(logFile, 'the end');
    const output = await readSessionOutput(rootDir);
    assert.equal(output.length, 2000);
    assert.ok(output.endsWith('the end'));
  });

  it('is empty if there is none', async () => {
    assert.equal(await readSessionOutput(rootDir), '');
  });

  it('is not read through a link, be it in the place of the file or of a folder', async () => {
    await symlink('/etc/passwd', logFile);
    assert.doesNotMatch(await readSessionOutput(rootDir), /root:/);
    await mkdir(`${rootDir}/elsewhere/deskpod`, { recursive: true });
    await writeFile(`${rootDir}/elsewhere/deskpod/session.log`, 'a secret');
    await rm(`${rootDir}${SESSION_RUN_DIR}`, { recursive: true });
    await symlink(`${rootDir}/elsewhere`, `${rootDir}${SESSION_RUN_DIR}`);
    assert.doesNotMatch(await readSessionOutput(rootDir), /secret/);
  });

  it('is not waited for where a pipe or a folder stands in its place', async () => {
    await run('mkfifo', [logFile]);
    assert.match(await readSessionOutput(rootDir), /no file/);
    await rm(logFile);
    await mkdir(logFile);
    assert.match(await readSessionOutput(rootDir), /no file/);
  });
});

describe('the sign that a session is ready', () => {
  let lab: SessionLab;

  beforeEach(async () => {
    lab = await openLab();
    await lab.mount('pod');
  });

  afterEach(async () => {
    await lab.close();
  });

  it('is a thing of its own, not a link to something on the host', async () => {
    const { rootPid } = await lab.start('pod').then(async (session) => {
      assert.equal(await isReady(session.rootPid), true);
      await shell(session, `cd ${SESSION_SOCKET_DIR}; rm ready; ln -s /etc/passwd ready`);
      return session;
    });
    assert.equal(await isReady(rootPid), false);
  });
});
