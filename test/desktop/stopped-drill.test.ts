// A drill of a desktop that ends while its session goes on: stopped it removes all of it, killed the next one does.
// With DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runDrill } from '../../src/session/drill/run-drill.ts';
import { listStagings } from '../../src/session/host/staging.ts';
import { readSessionNote } from '../../src/session/pod/session-note.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { leftoversIn } from '../session/leftovers.ts';
import { expectCode } from '../sync/expect-code.ts';
import { DesktopLab, PASSPHRASE } from './desktop-lab.ts';

const describeThere = IS_EXHAUSTIVE ? describe : () => undefined;
const PROGRAM = fileURLToPath(new URL('./killed-drill-program.ts', import.meta.url));

describeThere('a drill of a desktop', function () {
  this.timeout(600_000);
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
    await lab.start();
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
    await lab.program.answer(['sync', ...lab.at()]);
  });
  afterEach(() => lab.close());

  const drill = (resumes: boolean, onStep: (step: string) => void, signal: AbortSignal) =>
    runDrill({
      ...{ from: lab.home, scratchDir: lab.dir, resumes, signal },
      ...{ credential: { passphrase: PASSPHRASE }, onProgress: ({ step }) => onStep(step) },
    });
  const copies = () => readdir(join(lab.dir, 'deskpod-drill-0'));
  const sessions = async () => {
    const notes = await Promise.all((await listStagings()).map(readSessionNote));
    return notes.flatMap((note) => (note?.devicePath.startsWith(lab.dir) === true ? [note] : []));
  };

  it('that is stopped while its session resumes leaves nothing of it', async () => {
    const stop = new AbortController();
    const onStep = (step: string): void => {
      if (step.startsWith('resuming')) stop.abort();
    };
    await expectCode('CANCELLED', () => drill(true, onStep, stop.signal));
    assert.deepEqual(await copies(), []);
    assert.deepEqual([await sessions(), await leftoversIn(lab.dir)], [[], []]);
  });

  it('that is killed leaves its session and its copy to the next one, which ends and removes both', async () => {
    const child = spawn(process.execPath, [PROGRAM, lab.home, lab.dir, PASSPHRASE], { stdio: 'inherit' });
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
    assert.equal((await copies()).length, 2);
    assert.equal((await sessions()).length, 1);
    await drill(false, () => undefined, new AbortController().signal);
    assert.deepEqual(await copies(), []);
    assert.deepEqual([await sessions(), await leftoversIn(lab.dir)], [[], []]);
  });
});
