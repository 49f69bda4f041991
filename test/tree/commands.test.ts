// The commands of a tree pod when all is well: what they do, and the shape of what they print for programs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoggedEvent } from '../../src/core/events.ts';
import type { StatusReport } from '../../src/session/operation/operations.ts';
import type { KeyReport } from '../../src/sync/pod/change-keys.ts';
import type { SyncReport } from '../../src/sync/pod/replicate.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { itAsRoot } from '../as-root.ts';
import { assertSameFiles, openTreeLab, type TreeLab } from './tree-lab.ts';

const ID = /^[0-9a-f]{32}$/;

describe('a tree pod', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('is made of a folder by deskpod create, which shows the recovery key and leaves the files alone', async () => {
    const dir = join(lab.temp, 'photos.d');
    await mkdir(dir);
    await writeFile(join(dir, 'one.jpg'), 'one');
    const created = await lab.program.answer<{ podId: string; recoveryKey: string }>([
      'create',
      '--tree',
      dir,
    ]);
    assert.match(created.podId, ID);
    assert.match(created.recoveryKey, /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/);
    assert.deepEqual(Object.keys(created).sort(), ['podId', 'recoveryKey']);
    assert.deepEqual((await readdir(dir)).sort(), ['.deskpod', 'one.jpg']);
    const status = await lab.program.answer<StatusReport>(['status', '-d', dir]);
    assert.equal(status.podId, created.podId);
    assert.equal(status.name, 'photos');
  });

  itAsRoot('says what its checkpoints leave out, as another file system is mounted there', async () => {
    const drive = join(lab.dir, 'folder', 'drive');
    await mkdir(drive);
    execFileSync('mount', ['-t', 'tmpfs', 'none', drive]);
    try {
      const told = await lab.program.run(['checkpoint', ...lab.at]);
      assert.match(told.stdout, /^left out, as other file systems are mounted there: folder\/drive\. /m);
      const { notCrossed, warnings } = await lab.program.answer<CheckpointReport>(['checkpoint', ...lab.at]);
      assert.deepEqual([notCrossed, warnings.length], [['folder/drive'], 1]);
      assert.match(
        (await lab.program.run(['status', ...lab.at])).stdout,
        /^mounted +left out, .* folder\/drive\./m,
      );
      assert.deepEqual(
        (await lab.program.answer<StatusReport>(['status', ...lab.at])).notCrossed,
        notCrossed,
      );
    } finally {
      execFileSync('umount', [drive]);
    }
  });

  it('tells its state, its timeline, its log and its keys', async () => {
    assert.equal(await lab.checkpoint(), 1);
    await writeFile(join(lab.dir, 'letter.txt'), 'another letter\n');
    assert.equal(await lab.checkpoint(), 2);
    const status = await lab.program.answer<StatusReport>(['status', ...lab.at]);
    assert.equal(status.kind, 'tree');
    assert.equal(status.podId, lab.podId);
    assert.equal(status.epoch, 1);
    assert.equal(status.seq, 3);
    assert.deepEqual(status.session, { status: 'none' });
    assert.equal(status.lastCheckpoint?.number, 2);
    assert.deepEqual(status.homes, []);
    const { checkpoints } = await lab.program.answer<{ checkpoints: { number: number; reason: string }[] }>([
      'checkpoints',
      ...lab.at,
    ]);
    assert.deepEqual(
      checkpoints.map(({ number, reason }) => [number, reason]),
      [
        [1, 'files'],
        [2, 'files'],
      ],
    );
    const { events } = await lab.program.answer<{ events: LoggedEvent[] }>([
      'log',
      '--since',
      '2',
      ...lab.at,
    ]);
    assert.deepEqual(
      events.map(({ seq, event }) => [seq, event.type]),
      [
        [2, 'checkpoint.sealed'],
        [3, 'checkpoint.sealed'],
      ],
    );
    const { slots } = await lab.program.answer<{ slots: KeyReport[] }>(['keys', 'list', ...lab.at]);
    assert.deepEqual(
      slots.map(({ kind }) => kind),
      ['passphrase', 'recovery'],
    );
    assert.doesNotMatch(JSON.stringify(slots), /AGE-SECRET|age-encryption/);
  });

  it('is found without a path by a command that runs in its folder', async () => {
    const inside = lab.program.with({ cwd: lab.dir });
    assert.equal((await inside.answer<StatusReport>(['status'])).podId, lab.podId);
  });

  it('shows its progress as lines before the result with --ndjson, and words without', async () => {
    const { stdout } = await lab.program.run(['--ndjson', 'checkpoint', ...lab.at]);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; number?: number });
    assert.equal(lines.at(-1)?.type, 'result');
    assert.equal(lines.at(-1)?.number, 1);
    assert.ok(lines.length > 1 && lines.slice(0, -1).every(({ type }) => type === 'progress'));
    const forPeople = await lab.program.run(['checkpoint', ...lab.at]);
    assert.match(forPeople.stdout, /^checkpoint 2: 2 files/);
  });

  it('gets homes and loses them again', async () => {
    assert.deepEqual(await lab.program.answer(['home', 'list', ...lab.at]), { homes: [] });
    const added = await lab.program.answer(['home', 'add', lab.home, ...lab.at]);
    assert.deepEqual(added, { url: lab.home, warnings: [] });
    await lab.checkpoint();
    const before = await lab.program.answer<Pick<StatusReport, 'homes'>>(['home', 'list', ...lab.at]);
    assert.deepEqual(
      before.homes.map(({ url, seq, missingCheckpoints }) => ({ url, seq, missingCheckpoints })),
      [{ url: lab.home, seq: 0, missingCheckpoints: 1 }],
    );
    await lab.program.failure('USAGE', ['sync', '--streams', '0', ...lab.at]);
    const { homes } = await lab.program.answer<{ homes: SyncReport[] }>([
      'sync',
      '--streams',
      '2',
      ...lab.at,
    ]);
    assert.equal(homes[0]?.seq, 3);
    assert.deepEqual([homes[0]?.streams, homes[0]?.streamsReason], [2, 'as asked for']);
    assert.equal(homes[0]?.wentBack, false);
    const status = await lab.program.answer<StatusReport>(['status', ...lab.at]);
    assert.equal(status.homes[0]?.missingCheckpoints, 0);
    assert.equal(status.homes[0]?.missingBytes, 0);
    assert.ok(
      (status.work?.workers ?? 0) >= 1 && status.work?.reason !== '',
      'and how many threads work, and why',
    );
    await lab.program.answer(['home', 'remove', lab.home, ...lab.at]);
    assert.deepEqual(await lab.program.answer(['home', 'list', ...lab.at]), { homes: [] });
    assert.deepEqual((await readdir(lab.home)).sort(), ['deskpod-home', 'pods']);
  });

  it('is restored whole, or as of an earlier checkpoint, and goes on as the next device of its pod', async () => {
    await lab.checkpoint();
    await writeFile(join(lab.dir, 'letter.txt'), 'another letter\n');
    await lab.bringHome();
    const { pods } = await lab.program.answer<{ pods: { podId: string; epoch: number }[] }>([
      'restore',
      '--from',
      lab.home,
      '--list',
    ]);
    assert.deepEqual(
      pods.map(({ podId, epoch }) => ({ podId, epoch })),
      [{ podId: lab.podId, epoch: 1 }],
    );
    const early = await lab.program.answer<{ checkpoint: number; epoch: number }>([
      ...lab.restoreTo('early'),
      '--checkpoint',
      '1',
    ]);
    assert.deepEqual([early.checkpoint, early.epoch], [1, 2]);
    assert.equal(await readFile(join(lab.temp, 'early', 'letter.txt'), 'utf8'), 'a letter\n');
    const whole = await lab.program.answer<{ checkpoint: number; epoch: number; fileCount: number }>(
      lab.restoreTo('whole'),
    );
    assert.deepEqual([whole.checkpoint, whole.epoch, whole.fileCount], [2, 3, 2]);
    await assertSameFiles(join(lab.temp, 'whole'), lab.dir);
    const next = ['-d', join(lab.temp, 'whole')];
    assert.equal((await lab.program.answer<{ number: number }>(['checkpoint', ...next])).number, 3);
    const { homes } = await lab.program.answer<{ homes: SyncReport[] }>(['sync', ...next]);
    assert.equal(homes[0]?.wentBack, false);
  });

  it('is restored into memory, which is a folder in /dev and no device', async () => {
    await lab.bringHome();
    const dir = await mkdtemp('/dev/shm/deskpod-tree-');
    try {
      await lab.program.answer(['restore', '--from', lab.home, '--to', join(dir, 'new', 'pod')]);
      await assertSameFiles(join(dir, 'new', 'pod'), lab.dir);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('is restored with its recovery key when the passphrase is forgotten', async () => {
    await lab.bringHome();
    const keyFile = join(lab.temp, 'recovery');
    await writeFile(keyFile, `${lab.recoveryKey}\n`);
    const forgotten = lab.program.with({ env: { DESKPOD_PASSPHRASE_FILE: undefined } });
    await forgotten.answer([...lab.restoreTo('back'), '--recovery-key-file', keyFile]);
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });

  it('loses nothing when its projections are deleted between any two commands', async () => {
    const forget = () => rm(join(lab.dir, '.deskpod', 'level'), { recursive: true, force: true });
    for (const args of [
      ['status'],
      ['checkpoint'],
      ['home', 'add', lab.home],
      ['checkpoint'],
      ['sync'],
      ['checkpoints'],
      ['log'],
    ]) {
      await forget();
      await lab.program.answer([...args, ...lab.at]);
    }
    await forget();
    const again = await lab.program.answer<{ storedBytes: number }>(['checkpoint', ...lab.at]);
    assert.equal(again.storedBytes, 0, 'what the packs hold is found in them');
    await lab.program.answer(lab.restoreTo('back'));
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });
});
