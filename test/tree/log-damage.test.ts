// The log of a tree pod after a crash and after damage: the first costs nothing acknowledged, the second is named.
import assert from 'node:assert/strict';
import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatusReport } from '../../src/session/operation/operations.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

describe('the log of a tree pod', () => {
  let lab: TreeLab;
  let file: string;
  beforeEach(async () => {
    lab = await openTreeLab();
    file = join(lab.dir, '.deskpod', 'log', '000000000001.log');
  });
  afterEach(async () => {
    await lab.close();
  });

  it('loses a last record that was cut off before it was acknowledged, and goes on', async () => {
    await lab.checkpoint();
    const acknowledged = await readFile(file);
    const head = await readFile(join(lab.dir, '.deskpod', 'repository', 'head'));
    await writeFile(join(lab.dir, 'letter.txt'), 'another letter\n');
    await lab.checkpoint();
    const { size } = await stat(file);
    // As a crash in the middle of the append leaves it: the head was not moved yet.
    for (const length of [size - 1, size - 40, acknowledged.length + 13]) {
      await truncate(file, length);
      await writeFile(join(lab.dir, '.deskpod', 'repository', 'head'), head);
      const { seq, lastCheckpoint } = await lab.program.answer<StatusReport>(['status', ...lab.at]);
      assert.deepEqual([seq, lastCheckpoint?.number], [2, 1]);
    }
    assert.deepEqual(await readFile(file), acknowledged);
    const { number } = await lab.program.answer<{ number: number }>(['checkpoint', ...lab.at]);
    assert.equal(number, 2);
    await lab.bringHome();
    await lab.restoreHere('back', { checkpoint: 2 });
    assert.equal(await readFile(join(lab.temp, 'back', 'letter.txt'), 'utf8'), 'another letter\n');
  });

  it('is damaged if records are missing that were published, although each one left is whole', async () => {
    const { size } = await stat(file);
    await lab.checkpoint();
    await truncate(file, size);
    const { details, hint } = await lab.program.failure('LOG_DAMAGED', ['status', ...lab.at]);
    assert.deepEqual(details, { seq: 1, published: 2 });
    assert.match(hint ?? '', /restore/);
  });

  it('names file and offset of a record in which a byte was flipped, and takes no more', async () => {
    await lab.checkpoint();
    const offset = (await stat(file)).size;
    await lab.checkpoint();
    await lab.checkpoint();
    const whole = await readFile(file);
    for (const at of [offset, offset + 6, offset + 60, offset + 100]) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await writeFile(file, damaged);
      const { message, details } = await lab.program.failure('LOG_DAMAGED', ['checkpoint', ...lab.at]);
      assert.deepEqual(details, { file, offset });
      assert.ok(message.includes(file));
      assert.deepEqual(await readFile(file), damaged, 'what is damaged stays for whoever looks at it');
    }
    await writeFile(file, whole);
    assert.equal((await lab.program.answer<{ number: number }>(['checkpoint', ...lab.at])).number, 4);
  });

  it('that is gone is damage, not an empty log', async () => {
    await lab.checkpoint();
    await rm(join(lab.dir, '.deskpod', 'log'), { recursive: true });
    await lab.program.failure('LOG_DAMAGED', ['status', ...lab.at]);
  });
});
