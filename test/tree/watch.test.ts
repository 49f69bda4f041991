// A tree pod that is watched: other commands ask the one who watches, and nothing is left behind however it ends.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoggedEvent } from '../../src/core/events.ts';
import type { Progress } from '../../src/core/progress.ts';
import { followLog } from '../../src/session/operation/follow-log.ts';
import type { Program, Running } from './program.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

const isWatching = ({ step }: Progress): boolean => step.startsWith('watching');

describe('a watched tree pod', () => {
  let lab: TreeLab;
  let keyless: Program;
  beforeEach(async () => {
    lab = await openTreeLab();
    keyless = lab.program.with({ env: { DESKPOD_PASSPHRASE_FILE: undefined } });
  });
  afterEach(() => lab.close());

  async function watch(...args: string[]): Promise<Running> {
    const watching = lab.program.start(['watch', lab.dir, ...args]);
    assert.ok((await watching.progress(isWatching)) !== undefined, 'it ended instead');
    return watching;
  }

  async function gaps(program: Program): Promise<string[]> {
    const { events } = await program.answer<{ events: LoggedEvent[] }>(['log', ...lab.at]);
    return events.flatMap(({ event }) => (event.type === 'watch.gap' ? [event.cause] : []));
  }

  it('answers without a passphrase, refuses a second watcher, and ends when it is told to', async () => {
    const watching = await watch();
    assert.equal((await keyless.answer<{ number: number }>(['checkpoint', ...lab.at])).number, 1);
    await appendFile(join(lab.dir, 'letter.txt'), 'more');
    assert.equal((await keyless.answer<{ number: number }>(['checkpoint', ...lab.at])).number, 2);
    assert.deepEqual(await gaps(keyless), ['start']);
    await keyless.failure('USAGE', ['suspend', ...lab.at]);
    await lab.program.failure('POD_BUSY', ['watch', lab.dir]);
    await keyless.answer(['watch', lab.dir, '--stop']);
    const { status, stderr } = await watching.ended;
    assert.equal(status, 0, stderr);
    await keyless.failure('SUPERVISOR_UNREACHABLE', ['watch', lab.dir, '--stop']);
    await keyless.failure('PASSPHRASE_MISSING', ['checkpoint', ...lab.at]);
    await lab.bringHome();
    await lab.restoreHere('restored', {});
  });

  it('lets its log be followed as it is written, until nobody watches any more', async () => {
    await watch();
    const seqs: number[] = [];
    const sealed = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const onEvent = ({ seq, event }: LoggedEvent): void => {
      seqs.push(seq);
      began.resolve();
      if (event.type === 'checkpoint.sealed') sealed.resolve();
    };
    const passphrase = () => Promise.reject(new Error('it was asked for a passphrase'));
    const followed = followLog(lab.dir, 1, onEvent, { passphrase, onProgress: () => undefined });
    await began.promise;
    await keyless.answer(['checkpoint', ...lab.at]);
    await sealed.promise;
    await keyless.answer(['watch', lab.dir, '--stop']);
    await followed;
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
    );
    const printed = await lab.program.run(['--ndjson', 'log', '--follow', ...lab.at]);
    assert.equal(printed.status, 0, printed.stderr);
    assert.equal(printed.stdout.trimEnd().split('\n').length, seqs.length);
  });

  it('leaves nothing to clean up when it is killed', async () => {
    const watching = await watch();
    watching.kill('SIGKILL');
    await watching.ended;
    assert.equal(existsSync(join(lab.dir, '.deskpod', 'supervisor.sock')), true);
    assert.equal((await lab.program.answer<{ number: number }>(['checkpoint', ...lab.at])).number, 1);
    const again = await watch();
    assert.equal((await keyless.answer<{ number: number }>(['checkpoint', ...lab.at])).number, 2);
    again.kill('SIGTERM');
    assert.equal((await again.ended).status, 0);
    assert.equal((await readdir(join(lab.dir, '.deskpod'))).includes('supervisor.sock'), false);
  });

  it('seals what has changed when the watch of a pod with a schedule ends, however deep it lies', async () => {
    const deep = join(lab.temp, 'x'.repeat(100), 'y'.repeat(100));
    await mkdir(deep, { recursive: true });
    await rename(lab.dir, join(deep, 'pod'));
    await lab.program.answer(['schedule', 'add', 'hourly', '-d', join(deep, 'pod')]);
    const watching = lab.program.start(['watch', join(deep, 'pod')]);
    assert.ok((await watching.progress(isWatching)) !== undefined, 'it ended instead');
    await appendFile(join(deep, 'pod', 'letter.txt'), 'the end');
    watching.kill('SIGINT');
    const { status, stdout } = await watching.ended;
    assert.equal(status, 0);
    const { checkpoints } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { checkpoints: number[] };
    assert.deepEqual(checkpoints, [1]);
  });

  it('scans everything each time where it cannot be watched, and says so once', async () => {
    const limited = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"';
    const watching = lab.program
      .with({ through: ['unshare', '-Ur', 'sh', '-c', limited, 'sh'] })
      .start(['watch', lab.dir]);
    assert.ok((await watching.progress(({ step }) => step.includes('cannot be watched'))) !== undefined);
    await keyless.answer(['checkpoint', ...lab.at]);
    await appendFile(join(lab.dir, 'letter.txt'), 'more');
    const { storedBytes } = await keyless.answer<{ storedBytes: number }>(['checkpoint', ...lab.at]);
    assert.ok(storedBytes > 0);
    assert.deepEqual(await gaps(keyless), ['start', 'limit']);
    watching.kill('SIGTERM');
    assert.equal((await watching.ended).status, 0);
  });
});
