// Schedules of a tree pod: set in plain words, kept by whoever watches it, travelling with the pod.
import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import type { HookEvent } from '../../src/session/hooks/steps.ts';
import { operate } from '../../src/session/operation/operate.ts';
import type { OperationName, Operations } from '../../src/session/operation/operations.ts';
import { TreeSupervisor } from '../../src/session/supervisor/tree-supervisor.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { openTree } from '../../src/sync/pod/tree.ts';
import { WatchedTree } from '../../src/sync/watch/watched-tree.ts';
import { ManualClock } from '../session/schedule/manual-clock.ts';
import { until } from '../session/until.ts';
import { expectCode } from '../sync/expect-code.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

describe('the schedules of a tree pod', () => {
  let lab: TreeLab;
  let former: NodeJS.ProcessEnv;
  beforeEach(async () => {
    lab = await openTreeLab();
    former = { ...process.env };
    Object.assign(process.env, {
      DESKPOD_HOOKS: join(lab.temp, 'hooks.d'),
      DESKPOD_HOOK_LOG: join(lab.temp, 'hooks.log'),
    });
  });
  afterEach(async () => {
    process.env = former;
    await lab.close();
  });

  /** As a command does, without starting one. */
  function ask<Name extends OperationName>(
    name: Name,
    parameters: Operations[Name]['parameters'],
    dir = lab.dir,
  ): Promise<Operations[Name]['answer']> {
    return operate(dir, name, parameters, {
      passphrase: async () => PASSPHRASE,
      onProgress: () => undefined,
    });
  }

  /** Watches the pod by this clock. `next` settles with the next checkpoint. */
  function watching(clock: ManualClock) {
    const sealed: CheckpointReport[] = [];
    const failures: unknown[] = [];
    let told = Promise.withResolvers<void>();
    const news = {
      onWatching: () => undefined,
      onGap: () => undefined,
      onCheckpoint: (report: CheckpointReport) => {
        sealed.push(report);
        told.resolve();
      },
      onFailure: (_what: string, error: unknown) => void failures.push(error),
    };
    const watch = async (): Promise<TreeSupervisor> => {
      const tree = await WatchedTree.start(await openTree(lab.dir, { passphrase: PASSPHRASE }));
      const supervisor = new TreeSupervisor(tree, news, clock);
      await supervisor.serve(join(lab.dir, '.deskpod', 'supervisor.sock'));
      return supervisor;
    };
    const next = (): Promise<void> => {
      told = Promise.withResolvers<void>();
      return told.promise;
    };
    return { sealed, failures, watch, next };
  }

  it('are set in plain words, listed with their next times, and removed', async () => {
    const words = ['every', '15', 'minutes', 'while', 'in', 'use'];
    const added = await lab.program.answer(['schedule', 'add', ...words, ...lab.at]);
    assert.deepEqual(added, { number: 1, words: words.join(' ') });
    await ask('schedule-add', { words: '30 18 * * 1-5', jitterMs: 0 });
    // what is there already is not there twice
    assert.deepEqual(await ask('schedule-add', { words: 'every 15m while in use' }), added);
    const { schedules, isKept } = await ask('schedule-list', {});
    assert.deepEqual(
      schedules.map((schedule) => [schedule.number, schedule.words, schedule.jitterMs]),
      [
        [1, 'every 15 minutes while in use', 45_000],
        [2, 'on weekdays at 18:30', 0],
      ],
    );
    assert.ok(!isKept && schedules.every(({ nextAtMs }) => nextAtMs > Date.now() - DAY_MS));
    assert.deepEqual(await ask('schedule-remove', { number: 1 }), { number: 1 });
    await expectCode('SCHEDULE_NOT_FOUND', () => ask('schedule-remove', { number: 1 }));
    const listed = await lab.program.run(['schedule', ...lab.at]);
    assert.match(listed.stdout, /^ +2 {2}on weekdays at 18:30: next at \S+ 18:30:00$/m);
  });

  it('are refused with what to say instead', async () => {
    const { hint } = await lab.program.failure('SCHEDULE_INVALID', [
      'schedule',
      'add',
      '0 0 30 2 *',
      ...lab.at,
    ]);
    assert.match(hint ?? '', /every 15 minutes while in use/);
    for (const words of ['every second', '* * * * * *', 'now and then'])
      await expectCode('SCHEDULE_INVALID', () => ask('schedule-add', { words }));
    await expectCode('SCHEDULE_INVALID', () => ask('schedule-add', { words: 'hourly', jitterMs: DAY_MS }));
    await expectCode('USAGE', () => ask('reserve', { reserveBytes: 2 ** 50 }));
    const { scheduling } = await ask('status', {});
    assert.deepEqual([scheduling.schedules, scheduling.reserve?.reserveBytes], [[], 0]);
  });

  it('are kept by whoever watches it, with hooks: when something has changed, and made up for when nobody did', async () => {
    await ask('schedule-add', { words: 'every 15 minutes', jitterMs: 0 });
    await lab.checkpoint();
    const hook = join(lab.temp, 'hooks.d', 'after-checkpoint');
    await mkdir(join(lab.temp, 'hooks.d'));
    await writeFile(hook, '#!/bin/sh\ncat >> "$0.told"\n', { mode: 0o755 });
    const ends = async (): Promise<HookEvent[]> => {
      const lines = await readFile(`${hook}.told`, 'utf8').catch(() => '');
      return lines
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as HookEvent);
    };
    const clock = new ManualClock(Date.now());
    const { sealed, watch, next } = watching(clock);
    const first = await watch();
    try {
      const { scheduling } = await ask('status', {});
      const quarter = scheduling.schedules[0]?.nextAtMs ?? 0;
      assert.deepEqual([scheduling.isKept, quarter % (15 * MINUTE_MS)], [true, 0]);
      await appendFile(join(lab.dir, 'letter.txt'), 'more');
      const sealing = next();
      clock.pass(quarter - clock.now());
      await sealing;
      await until(async () => (await ends()).length === 1);
      // nothing has changed
      clock.set(clock.now() + 15 * MINUTE_MS);
      await until(async () => {
        clock.pass(MINUTE_MS);
        return (await ends()).length === 2;
      });
      const [made, looking] = await ends();
      assert.ok(made?.outcome?.isDone && made.outcome.facts.number === 2);
      assert.deepEqual(looking?.outcome, { isDone: true, facts: {} });
    } finally {
      await first.end();
    }
    assert.deepEqual(
      sealed.map(({ number }) => number),
      [2],
    );
    await appendFile(join(lab.dir, 'letter.txt'), 'while nobody watched');
    clock.set(clock.now() + 2 * DAY_MS);
    const made = next();
    const second = await watch();
    try {
      clock.pass(MINUTE_MS);
      await made;
    } finally {
      await second.end();
    }
    const { events } = await ask('log', { since: 1 });
    assert.deepEqual(
      events.flatMap(({ event }) => (event.type === 'checkpoint.sealed' ? [event.reason] : [])),
      ['files', 'schedule', 'schedule'],
    );
  });

  it('stop with one question when nothing is left, and go on when it is answered', async () => {
    await ask('schedule-add', { words: 'hourly', jitterMs: 0 });
    await lab.checkpoint();
    const clock = new ManualClock(Date.now());
    const { sealed, failures, watch } = watching(clock);
    const passUntil = (holds: () => boolean): Promise<void> =>
      until(() => {
        clock.pass(MINUTE_MS);
        return holds();
      });
    const [away, names] = [join(lab.temp, 'away'), ['letter.txt', 'folder']];
    await mkdir(away);
    const move = async (from: string, to: string): Promise<void> => {
      for (const name of names) await rename(join(from, name), join(to, name));
    };
    await move(lab.dir, away);
    const supervisor = await watch();
    try {
      await passUntil(() => failures.length > 0);
      assert.ok(isDeskPodError(failures[0], 'CHECKPOINT_DOUBTFUL'));
      const { doubt } = await ask('status', {});
      assert.deepEqual([doubt?.causes, doubt?.against, doubt?.number], [['empty'], 1, undefined]);
      await move(away, lab.dir);
      await passUntil(() => sealed.length > 0);
      assert.equal((await ask('status', {})).doubt, undefined);
      await move(lab.dir, away);
    } finally {
      // the last checkpoint would hold nothing, too, and is asked about by whoever comes next
      await supervisor.end();
    }
    assert.deepEqual([sealed.map(({ number }) => number), failures.length], [[2], 2]);
    const { events } = await ask('log', { since: 1 });
    assert.deepEqual(
      events.map(({ event }) => event.type).filter((type) => type.startsWith('checkpoint')),
      ['checkpoint.sealed', 'checkpoint.doubted', 'checkpoint.sealed', 'checkpoint.doubted'],
    );
  });

  it('go with the pod to another device', async () => {
    await ask('schedule-add', { words: 'nightly at 3' });
    await lab.bringHome();
    await lab.restoreHere('restored', {});
    const { schedules } = await ask('schedule-list', {}, join(lab.temp, 'restored'));
    assert.deepEqual(
      schedules.map(({ words }) => words),
      ['daily at 03:00'],
    );
  });
});
