// The children of a CRIU that was killed: told by what they were started for, and ended.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { endStrayDump } from '../../src/session/process/session-members.ts';
import { until } from './until.ts';

describe('a killed CRIU', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** A process with the command line of a CRIU: its children have the same. */
  const standIn = async (...args: string[]): Promise<ChildProcess> => {
    const child = spawn('sh', ['-c', 'echo; read -r _', 'criu', ...args, '--leave-running'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    return child;
  };

  it('leaves no child of its dump into a folder, and others are let be', async () => {
    const stray = await standIn('dump', '--images-dir', '/nonexistent/one');
    const others = [
      await standIn('dump', '--images-dir', '/nonexistent/one-more'),
      await standIn('restore', '--images-dir', '/nonexistent/one'),
    ];
    const ended = once(stray, 'exit');
    await endStrayDump('/nonexistent/one');
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    // it waits for its input, once it has come so far
    for (const { pid } of others)
      await until(() => / S /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '')));
  });
});
