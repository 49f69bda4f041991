// The threads of a content: ended at any moment of their start, they leave the process that started them alive.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROGRAM = fileURLToPath(new URL('../support/ending-crew-program.ts', import.meta.url));

describe('a crew', () => {
  it('can be ended at any moment of the start of its threads, and so can their process', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM]);
    assert.equal(stdout, 'ended\n');
  });
});
