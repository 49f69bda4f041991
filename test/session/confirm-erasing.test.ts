// Erasing a drive at a terminal: it is the one whose name was typed, or none.
import assert from 'node:assert/strict';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/sync/process.ts';
import { noise } from '../sync/retention/prune-lab.ts';
import { Terminal } from '../tree/terminal.ts';
import { DeviceBench, MEBIBYTE } from './device-bench.ts';
import { makeErofs } from './erofs-image.ts';
import { PASSPHRASE } from './twin-lab.ts';

describe('a drive that is to be erased by force', () => {
  let bench: DeviceBench;
  let terminal: Terminal | undefined;
  beforeEach(async () => {
    bench = await DeviceBench.open();
  });
  afterEach(async () => {
    terminal?.close();
    await bench.close();
  });

  it('is none that took the place of the one whose name was typed', async () => {
    const [chosen, other, base] = ['chosen.img', 'other.img', 'base.erofs'].map((name) => bench.path(name));
    assert.ok(chosen !== undefined && other !== undefined && base !== undefined);
    await run('mkfs.ext4', ['-q', chosen, '200M']);
    await writeFile(other, noise(MEBIBYTE, 'somebody’s photos'));
    await run('truncate', ['-s', '200M', other]);
    const before = await run('sha256sum', [other]);
    await mkdir(bench.path('base'));
    await writeFile(join(bench.path('base'), 'name'), 'of a base');
    await makeErofs(bench.path('base'), base);
    const creating = Terminal.start(['create', chosen, '--force', '--no-runtime', '--base', base]);
    terminal = creating;
    await creating.answer(/Type chosen.img to go on: /, 'chosen.img\n');
    await creating.shows(/New passphrase/);
    await rename(other, chosen);
    creating.type(`${PASSPHRASE}\n`);
    await creating.answer(/again/i, `${PASSPHRASE}\n`);
    await creating.shows(
      /chosen\.img: expected what was chosen, but it was plugged in since, or is another one/,
    );
    assert.equal(await creating.ended, 14, creating.text);
    const [hash] = before.stdout.split(' ');
    assert.equal((await run('sha256sum', [chosen])).stdout.split(' ')[0], hash);
  });
});
