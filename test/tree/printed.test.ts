// What the program prints of text that others wrote: nothing of it reaches the terminal as a control character.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printable, printableBlock, printableLine } from '../../src/cli/printable.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
const HOSTILE = '\u001b]0;mine\u0007\u009b2J\u007f';

describe('what the program prints', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('shows the control characters in the name of a file at home as text', async () => {
    await lab.bringHome();
    const folder = join(lab.home, 'pods', lab.podId, 'packs', '00');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${HOSTILE}\ndeskpod: all is well`), 'not a pack');
    const { status, stdout, stderr } = await lab.program.run(['home', 'check', lab.home]);
    assert.equal(status, 21);
    assert.doesNotMatch(stdout + stderr, CONTROLS);
    assert.ok(stdout.includes('\\u001b]0;mine\\u0007\\u009b2J\\u007f'), stdout);
    assert.doesNotMatch(stdout, /^deskpod: all is well/m);
  });

  it('is JSON with the same meaning and without control characters', async () => {
    await lab.bringHome();
    const folder = join(lab.home, 'pods', lab.podId, 'packs', '00');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, HOSTILE), 'not a pack');
    const { stdout, stderr } = await lab.program.run(['--json', 'home', 'check', lab.home]);
    assert.doesNotMatch(stdout + stderr, CONTROLS);
    const { pods } = JSON.parse(stdout) as { pods: { damaged: string[] }[] };
    assert.deepEqual(pods[0]?.damaged, [`packs/00/${HOSTILE}`]);
  });
});

describe('printable text', () => {
  it('keeps letters of every script and line feeds', () => {
    assert.equal(printable('Grüße, 世界\n…'), 'Grüße, 世界\n…');
  });

  it('has each control character spelled out', () => {
    for (let code = 0; code < 0xa0; code += 1) {
      const character = String.fromCharCode(code);
      assert.doesNotMatch(printable(character), CONTROLS);
      assert.match(printableLine(character), /^[^\n]+$/);
    }
  });

  it('has an indentation before every line but the first', () => {
    assert.equal(printableBlock('one\ntwo\rthree'), 'one\n    two\\u000dthree');
  });
});
