// The trial of applications: one that goes on passes, one that only looks the same does not.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Application, freshWord } from '../../ops/compatibility/application.ts';
import { CATALOGUE } from '../../ops/compatibility/catalogue.ts';
import { type Bench, tryApplication } from '../../ops/compatibility/trial.ts';
import { Program } from '../../ops/user/program.ts';
import { releaseDevice } from '../../src/session/pod/release.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';

/** Always there, and never the same process for long. */
const restarted: Application = {
  name: 'restarted',
  label: 'a program that is started again and again',
  base: 'desktop',
  packageName: 'coreutils',
  processName: 'sleep',
  state: 'none',
  begin: async (person) => {
    await person.launch('sh', '-c', 'while :; do sleep 0.2 & sleep 0.1; done');
    return async () => undefined;
  },
};

/** Goes on, and is asked for what it never had. */
const forgetful: Application = {
  ...restarted,
  name: 'forgetful',
  begin: async (person) => {
    await person.launch('sleep', '1000');
    const word = freshWord();
    return async (later) => {
      await later.expect(
        () => later.exec('echo', 'nothing'),
        (said) => said === word,
        word,
        0,
      );
    };
  },
};

describe('a trial of an application', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let bench: Bench;
  before(async () => {
    temp = makeTempFolder();
    const device = join(temp.path, 'stick.img');
    const passphraseFile = join(temp.path, 'passphrase');
    await writeFile(passphraseFile, 'correct horse battery staple\n');
    const { signal } = new AbortController();
    const program = new Program(passphraseFile, signal);
    await program.json('create', device, '--size', '800M', '--no-runtime');
    bench = { program, device, picturesDir: temp.path, signal, onStep: () => undefined };
  });
  after(async () => {
    await releaseDevice(bench.device);
    await rm(bench.device, { force: true });
    temp.remove();
  });

  it('is passed by a terminal that still has its text and takes more', async () => {
    const xterm = CATALOGUE.find(({ name }) => name === 'xterm');
    assert.ok(xterm);
    const row = await tryApplication(bench, xterm);
    assert.equal(row.cause, null);
    assert.ok(row.ok && row.pauseMs !== null && row.pauseMs > 0 && row.resumeMs !== null);
  });

  it('is not passed by a program that was started again', async () => {
    const row = await tryApplication(bench, restarted);
    assert.equal(row.ok, false);
    assert.match(row.cause ?? '', /did not come back|was started/);
  });

  it('is not passed by a program that goes on without its state', async () => {
    const row = await tryApplication(bench, forgetful);
    assert.equal(row.ok, false);
    assert.match(row.cause ?? '', /^expected [a-z]+, got "nothing"/);
  });
}).timeout(180_000);
