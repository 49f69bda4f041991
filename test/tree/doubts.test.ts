// A checkpoint that looks like a loss, from the outside: a question at a terminal, an error that says how to answer elsewhere.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StatusReport } from '../../src/session/operation/operations.ts';
import { sealCheckpoint } from '../../src/sync/pod/seal-checkpoint.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import type { CheckpointList } from '../../src/sync/retention/list-checkpoints.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

describe('a checkpoint after everything was deleted', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
    await lab.checkpoint();
    for (const name of ['letter.txt', 'folder']) await rm(join(lab.dir, name), { recursive: true });
  });
  afterEach(() => lab.close());

  /** What the command prints at a terminal where somebody types `answer`. */
  async function answered(answer: string): Promise<{ readonly code: number; readonly stdout: string }> {
    const { DESKPOD_PASSPHRASE_FILE: _none, ...env } = process.env;
    const program = new URL('../../bin/deskpod', import.meta.url).pathname;
    const command = `${program} checkpoint -d ${lab.dir} --passphrase-file ${join(lab.temp, 'passphrase')}`;
    const script = promisify(execFile)('script', ['-qec', command, '/dev/null'], { env });
    script.child.stdin?.end(answer);
    return script.then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
    );
  }

  it('is an error where there is no terminal, which status repeats, until it is accepted', async () => {
    const { status, stderr } = await lab.program.run(['checkpoint', ...lab.at]);
    assert.equal(status, 14);
    assert.match(stderr, /no file is left of the 2 \(folder\/note.txt, letter.txt\)/);
    assert.match(stderr, /--accept-changes/);
    const told = await lab.program.run(['status', ...lab.at]);
    assert.match(
      told.stdout,
      /doubt .*compared with checkpoint 1, no file is left of the 2 .*nothing was sealed/,
    );
    await lab.program.answer(['checkpoint', '--accept-changes', ...lab.at]);
    const { doubt, lastCheckpoint } = await lab.program.answer<StatusReport>(['status', ...lab.at]);
    assert.deepEqual([doubt, lastCheckpoint?.number], [undefined, 2]);
  });

  it('is marked among the checkpoints, with or without a policy, when it was sealed all the same', async () => {
    const tree = await openTree(lab.dir, { passphrase: PASSPHRASE });
    const files = await tree.capture({});
    await sealCheckpoint(tree.pod, { reason: 'files', files, pauseMs: 0, startedMs: 0, ifDoubtful: 'note' });
    await tree.close();
    for (const policy of [[], ['--keep-last', '3']]) {
      const { stdout } = await lab.program.run(['checkpoints', ...policy, ...lab.at]);
      const [first = '', second = ''] = stdout.split('\n').filter((line) => /^ {4}\d/.test(line));
      assert.doesNotMatch(first, /doubtful/);
      assert.match(second, /; doubtful, compared with 1$/);
    }
    const { doubted } = await lab.program.answer<CheckpointList>(['checkpoints', ...lab.at]);
    assert.deepEqual(doubted, [{ number: 2, against: 1 }]);
  });

  it('is a question at a terminal, which only yes answers', async () => {
    const refused = await answered('no\n');
    assert.equal(refused.code, 130, refused.stdout);
    assert.match(refused.stdout, /no file is left of the 2/);
    assert.match(refused.stdout, /Type yes to go on/);
    const accepted = await answered('yes\n');
    assert.equal(accepted.code, 0, accepted.stdout);
    assert.match(accepted.stdout, /checkpoint 2: 0 files/);
  });
});
