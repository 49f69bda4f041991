// Checkpoints of a watched tree that nobody asked for: what they seal, and what they ask about.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { latestCheckpoint } from '../../../src/core/state.ts';
import { itAsRoot } from '../../as-root.ts';
import { expectCode } from '../expect-code.ts';
import { SILENT, WatchedLab } from './watched-lab.ts';

describe('a watched tree on schedule', () => {
  let lab: WatchedLab;
  beforeEach(async () => {
    lab = await WatchedLab.open();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('seals nothing on schedule if nothing has changed, and else with that reason', async () => {
    await lab.sealed();
    const onSchedule = { reason: 'schedule', isOptional: true, ifDoubtful: 'stop' } as const;
    assert.equal(await lab.watched.seal(onSchedule, SILENT), undefined);
    chmodSync(join(lab.dir, 'file'), 0o600);
    assert.equal((await lab.watched.seal(onSchedule, SILENT))?.number, 2);
    assert.equal(latestCheckpoint(lab.watched.pod.state)?.reason, 'schedule');
    assert.equal(await lab.watched.seal(onSchedule, SILENT), undefined);
  });

  it('asks once on schedule about what looks like a loss, and goes on when it is answered', async () => {
    await lab.sealed();
    const onSchedule = { reason: 'schedule', isOptional: true, ifDoubtful: 'stop' } as const;
    const asked = async (): Promise<number> => {
      await expectCode('CHECKPOINT_DOUBTFUL', () => lab.watched.seal(onSchedule, SILENT));
      const events = await lab.watched.pod.events(1);
      return events.filter(({ event }) => event.type === 'checkpoint.doubted').length;
    };
    const away = (name: string): string => join(lab.temp, `away-${name}`);
    const names = ['file', 'other', 'a'];
    for (const name of names) renameSync(join(lab.dir, name), away(name));
    assert.deepEqual([await asked(), await asked()], [1, 1]);
    for (const name of names) renameSync(away(name), join(lab.dir, name));
    assert.equal((await lab.watched.seal(onSchedule, SILENT))?.number, 2);
    assert.equal(lab.watched.pod.state.doubt, undefined);
    assert.equal(await lab.watched.seal(onSchedule, SILENT), undefined);

    for (const name of names) rmSync(join(lab.dir, name), { recursive: true });
    assert.deepEqual([await asked(), await asked()], [2, 2]);
    assert.equal((await lab.watched.checkpoint(SILENT, 'accept')).number, 3);
    writeFileSync(join(lab.dir, 'new'), 'new');
    assert.equal((await lab.watched.seal(onSchedule, SILENT))?.number, 4);
  });

  it('is asked about what changed between a scan that sealed nothing and the checkpoint', async () => {
    for (let i = 0; i < 60; i++)
      writeFileSync(join(lab.dir, `${i}.txt`), `The text of file ${i}. `.repeat(20));
    await lab.sealed();
    for (let i = 0; i < 30; i++) writeFileSync(join(lab.dir, `${i}.txt`), randomBytes(500));
    lab.watched.distrust();
    await lab.watched.reconcile(SILENT);
    for (let i = 30; i < 33; i++) writeFileSync(join(lab.dir, `${i}.txt`), randomBytes(500));
    const { details } = await expectCode('CHECKPOINT_DOUBTFUL', () => lab.watched.checkpoint(SILENT));
    assert.equal(details.noiseCount, 33);
  });

  itAsRoot('says once in the log what it cannot read on schedule, and goes on when it can', async () => {
    await lab.sealed();
    const onSchedule = { reason: 'schedule', isOptional: true, ifDoubtful: 'stop' } as const;
    execFileSync('chown', ['-R', '65534:65534', lab.temp]);
    execFileSync('chown', ['0:0', join(lab.dir, 'a')]);
    chmodSync(join(lab.dir, 'a'), 0o700);
    const asNobody = async <Result>(act: () => Promise<Result>): Promise<Result> => {
      process.seteuid?.(65_534);
      try {
        return await act();
      } finally {
        process.seteuid?.(0);
      }
    };
    for (let i = 0; i < 2; i++)
      await expectCode('SOURCE_UNREADABLE', () => asNobody(() => lab.watched.seal(onSchedule, SILENT)));
    const { doubt } = lab.watched.pod.state;
    assert.deepEqual([doubt?.causes, doubt?.examples], [['unreadable'], [join(lab.dir, 'a')]]);
    const events = await lab.watched.pod.events(1);
    assert.equal(events.filter(({ event }) => event.type === 'checkpoint.doubted').length, 1);
    chmodSync(join(lab.dir, 'a'), 0o755);
    assert.equal((await asNobody(() => lab.watched.seal(onSchedule, SILENT)))?.number, 2);
    assert.equal(lab.watched.pod.state.doubt, undefined);
  });
});
