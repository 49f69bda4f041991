// Restoring from a twin: it is as complete as any home, and follows the device that comes of it.
import assert from 'node:assert/strict';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewDevice } from '../../src/sync/pod/new-device.ts';
import type { RestorablePod } from '../../src/sync/pod/rebuild.ts';
import { assertSameFiles, filesBelow } from './tree-lab.ts';
import { ask, openTwinLab, type TwinLab } from './twin-lab.ts';

describe('a restore from the twin of a tree pod', () => {
  let lab: TwinLab;
  let target: string;
  beforeEach(async () => {
    lab = await openTwinLab();
    target = join(lab.temp, 'new');
    await lab.add();
    await lab.checkpoint();
    await writeFile(join(lab.dir, 'letter.txt'), 'later\n');
    await lab.checkpoint();
    await lab.codesOfSync();
  });
  afterEach(async () => {
    await lab.close();
  });

  const restore = (...more: readonly string[]) => ['restore', '--from', lab.twin, '--to', target, ...more];

  it('gives the whole pod to a new device, which the twin follows from then on', async () => {
    await rename(lab.dir, `${lab.dir}-lost`);
    const { epoch, checkpoint } = await lab.program.answer<NewDevice>(restore());
    assert.deepEqual([epoch, checkpoint], [2, 2]);
    await assertSameFiles(target, `${lab.dir}-lost`);
    await writeFile(join(target, 'letter.txt'), 'on the new one\n');
    await ask(target, 'checkpoint', {});
    assert.deepEqual(await lab.codesOfSync(target), [undefined]);
    const { isTwin, lastCheckpoint } = await ask(lab.twin, 'status', {});
    assert.deepEqual([isTwin, lastCheckpoint?.number], [true, 3]);
    assert.equal((await ask(target, 'status', {})).homes.length, 1);
    assert.deepEqual(await lab.codesOfSync(`${lab.dir}-lost`), ['HOME_FENCED']);
  });

  it('gives an earlier checkpoint', async () => {
    const { checkpoint } = await lab.program.answer<NewDevice>(restore('--checkpoint', '1'));
    assert.equal(checkpoint, 1);
    assert.equal(await readFile(join(target, 'letter.txt'), 'utf8'), 'a letter\n');
  });

  it('is told beforehand what there is, with a key', async () => {
    const { pods } = await lab.program.answer<{ pods: RestorablePod[] }>([
      'restore',
      '--list',
      '--from',
      lab.twin,
    ]);
    assert.deepEqual(
      pods.map(({ podId, epoch }) => [podId, epoch]),
      [[lab.podId, 1]],
    );
  });

  it('changes nothing if it is refused: for a wrong key, a device in its own right, or over the twin itself', async () => {
    const before = await filesBelow(lab.podDir);
    const wrong = join(lab.temp, 'wrong');
    await writeFile(wrong, 'wrong\n');
    await lab.program.failure('PASSPHRASE_WRONG', restore('--passphrase-file', wrong));
    await lab.program.failure('USAGE', ['restore', '--from', lab.twin, '--to', lab.twin, '--force']);
    await lab.program.failure('HOME_NOT_FOUND', ['restore', '--from', lab.dir, '--to', target]);
    await lab.program.failure('HOME_AWAY', ['restore', '--from', `twin://${lab.dir}-away`, '--to', target]);
    assert.deepEqual(await filesBelow(lab.podDir), before);
    await rm(join(lab.podDir, 'repository', 'head'));
    await lab.program.failure('POD_NOT_FOUND', restore());
  });
});
