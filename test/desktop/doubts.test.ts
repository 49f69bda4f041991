// Most of a desktop's files are gone: a checkpoint asks, a suspend keeps the session all the same, and the good one stays.
import assert from 'node:assert/strict';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { DesktopLab } from './desktop-lab.ts';

describe('a desktop most of whose files are gone', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('is asked about, suspended with a mark that no prune passes over, and goes back or on as it is answered', async () => {
    const seal = (...args: string[]): Promise<CheckpointReport> =>
      lab.program.answer<CheckpointReport>(['checkpoint', ...args, ...lab.at()]);
    const kept = async (): Promise<number[]> => {
      await lab.program.answer(['prune', '--keep-last', '1', ...lab.at()]);
      const { checkpoints } = await lab.program.answer<{ checkpoints: { number: number }[] }>([
        'checkpoints',
        ...lab.at(),
      ]);
      return checkpoints.map(({ number }) => number);
    };
    await lab.start();
    await lab.shell('mkdir ~/papers && for i in $(seq 600); do echo "paper $i" > ~/papers/$i; done');
    assert.equal((await seal()).number, 1);
    await lab.shell('rm -r ~/papers');
    const { message, details } = await lab.program.failure('CHECKPOINT_DOUBTFUL', [
      'checkpoint',
      ...lab.at(),
    ]);
    assert.match(message, /compared with checkpoint 1, 6\d\d of \d+ files are gone/);
    assert.deepEqual(details.causes, ['gone']);
    assert.equal((await lab.status()).session.status, 'running');

    const suspended = await lab.program.answer<CheckpointReport>(['suspend', ...lab.at()]);
    assert.deepEqual([suspended.number, suspended.doubt?.against], [2, 1]);
    const { doubt, session } = await lab.status();
    assert.deepEqual([doubt?.number, doubt?.causes], [2, ['gone']]);
    assert.deepEqual(session, { status: 'suspended', checkpoint: 2 });
    assert.deepEqual(await kept(), [1, 2]);

    // the present is sealed before, and is as doubtful
    assert.equal((await lab.start(['--checkpoint', '1'])).resumedCheckpoint, 1);
    assert.equal(await lab.shell('ls ~/papers | wc -l'), '600');
    assert.equal((await lab.status()).doubt, undefined);
    assert.deepEqual(await kept(), [1, 2, 3]);
    await lab.shell('rm -r ~/papers');
    await lab.program.failure('CHECKPOINT_DOUBTFUL', ['checkpoint', ...lab.at()]);
    assert.equal((await seal('--accept-changes')).number, 4);
    assert.equal((await lab.status()).doubt, undefined);
    assert.deepEqual(await kept(), [4]);
  });
});
