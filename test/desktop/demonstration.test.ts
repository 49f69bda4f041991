// The demonstration when it is not let finish: nothing of it stays on the host, at the latest after the next one.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EXIT_STATUS } from '../../src/cli/exit-codes.ts';
import { assertNothingLeft, leftoversIn } from '../session/leftovers.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';

const DEMONSTRATION = fileURLToPath(new URL('../../ops/demonstration/main.ts', import.meta.url));

describe('a demonstration', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  beforeEach(() => {
    temp = makeTempFolder();
  });
  afterEach(() => temp.remove());

  const foldersOfDemonstrations = (): string[] =>
    readdirSync(temp.path).filter((name) => name.startsWith('deskpod-demo-'));

  /** Sends a signal as soon as the demonstration tells of this step; gives the signal or status that it ended with. */
  const endAt = async (step: string, signal: NodeJS.Signals): Promise<string | number> => {
    const child: ChildProcess = spawn(process.execPath, [DEMONSTRATION, '--json'], {
      env: { ...process.env, TMPDIR: temp.path },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    assert.ok(child.stderr);
    let said = '';
    for await (const line of createInterface({ input: child.stderr })) {
      said += `${line}\n`;
      if (line.endsWith(step)) child.kill(signal);
    }
    assert.match(said, new RegExp(`${step}\n`));
    const [status, endedBy] = await ended;
    return status ?? endedBy ?? '';
  };

  it('that is interrupted leaves nothing, whatever it was about', async () => {
    for (const step of ['ext4, encrypted vault, keyring', 'starting a desktop behind the barrier']) {
      assert.equal(await endAt(step, 'SIGINT'), EXIT_STATUS.cancelled);
      assert.deepEqual(foldersOfDemonstrations(), []);
      await assertNothingLeft(temp.path);
    }
  });

  it('that is killed leaves a session, which the next one ends', async () => {
    assert.equal(await endAt('and letting a shell count', 'SIGKILL'), 'SIGKILL');
    assert.match((await leftoversIn(temp.path)).join('\n'), /^loop device: /m);
    assert.equal(await endAt('ext4, encrypted vault, keyring', 'SIGTERM'), EXIT_STATUS.cancelled);
    assert.deepEqual(foldersOfDemonstrations(), []);
    await assertNothingLeft(temp.path);
  });
}).timeout(180_000);
