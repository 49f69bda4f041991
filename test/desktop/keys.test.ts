// The keys of a desktop pod are changed while its session runs, and while it does not.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyChangeReport, KeyReport, RecoveryReport } from '../../src/sync/pod/change-keys.ts';
import { DesktopLab } from './desktop-lab.ts';

describe('the keys of a desktop pod', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('are changed under a running session, which goes on, and then open the device', async () => {
    const [next, wrong, key] = ['next', 'wrong', 'key'].map((name) => join(lab.dir, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(next, 'battery staple\n');
    await writeFile(wrong, 'wrong\n');
    await lab.start();
    await lab.startCounter();
    const before = await lab.counter();
    const change = ['keys', 'change', ...lab.at(), '--new-passphrase-file', next];
    await lab.program.failure('PASSPHRASE_WRONG', [...change, '--passphrase-file', wrong]);
    const changed = await lab.program.answer<KeyChangeReport>(change);
    assert.deepEqual([changed.added.length, changed.removed.length], [1, 1]);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
    await lab.program.answer(['suspend', ...lab.at()]);

    await lab.program.failure('PASSPHRASE_WRONG', ['keys', 'list', ...lab.at()]);
    const program = lab.program.with({ env: { DESKPOD_PASSPHRASE_FILE: next } });
    const recovery = await program.answer<RecoveryReport>(['keys', 'recovery', '--replace', ...lab.at()]);
    assert.deepEqual([recovery.added.length, recovery.removed.length], [1, 1]);
    await writeFile(key, recovery.recoveryKey);
    const list = ['keys', 'list', ...lab.at(), '--recovery-key-file', key];
    const { slots } = await lab.program.answer<{ slots: KeyReport[] }>(list);
    assert.deepEqual(
      slots.map(({ kind }) => kind),
      ['passphrase', 'recovery'],
    );
    // The recovery key also resumes the session, through the supervisor's pipe.
    await lab.start(['--recovery-key-file', key]);
    assert.equal((await lab.counter(before.count)).pid, before.pid);
  });
});
