// What the dashboard knows of pods and homes, and what it does with a pod that is locked, unlocked, watched, or gone.
import assert from 'node:assert/strict';
import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodEvent } from '../../src/core/events.ts';
import type { Progress } from '../../src/core/progress.ts';
import type {
  Difference,
  EventPage,
  Overview,
  PodOverview,
  Timeline,
  TimelineCheckpoint,
  UnlockAnswer,
} from '../../src/session/dashboard/contract.ts';
import { operate } from '../../src/session/operation/operate.ts';
import type { StatusReport } from '../../src/session/operation/operations.ts';
import { scratchFolder } from '../sync/scratch.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from '../tree/tree-lab.ts';
import { DashboardLab } from './dashboard-lab.ts';

const WRONG = { passphrase: 'wrong horse battery' };

describe('a dashboard with no pod', () => {
  it('is usable, and says so', async () => {
    const lab = await DashboardLab.open({
      paths: ['/nowhere/at/all'],
      homes: ['/nowhere/home', 'ssh://host/home'],
    });
    try {
      const { homes, host, revision } = await lab.overview();
      assert.deepEqual(
        homes.slice(0, 2).map(({ url, state }) => [url, state]),
        [
          ['/nowhere/home', 'missing'],
          ['ssh://host/home', 'elsewhere'],
        ],
      );
      assert.notEqual(host, '');
      assert.ok(revision > 0);
      assert.equal(lab.faults.has('/nowhere/at/all'), false);
    } finally {
      await lab.close();
    }
  });
});

describe('a dashboard of a folder that only looks like a home', () => {
  const folder = scratchFolder();

  it('says why it is none, and nothing of where in the program that was found', async () => {
    await writeFile(join(folder(), 'deskpod-home'), 'noise');
    const lab = await DashboardLab.open({ homes: [folder()] });
    try {
      const [home] = (await lab.overview()).homes;
      assert.deepEqual([home?.state, home?.error?.code], ['missing', 'HOME_NOT_FOUND']);
      assert.equal(home?.error?.trace, undefined);
    } finally {
      await lab.close();
    }
  });
});

describe('a dashboard of a tree pod', () => {
  let tree: TreeLab;
  let lab: DashboardLab;
  let pod: string;
  beforeEach(async () => {
    tree = await openTreeLab();
    lab = await DashboardLab.open({ paths: [tree.dir] });
    pod = `pods/${(await lab.pod(tree.dir)).id}`;
  });
  afterEach(async () => {
    await lab.close();
    await tree.close();
  });

  const unlock = () => lab.post<UnlockAnswer>(`${pod}/unlock`, { passphrase: PASSPHRASE });

  it('takes five wrong passphrases in a minute and no more, and then not the right one either', async () => {
    for (let i = 0; i < 5; i++) {
      const { error } = await lab.post<{ error: { code: string } }>(`${pod}/unlock`, WRONG, 403);
      assert.equal(error.code, 'PASSPHRASE_WRONG');
    }
    const { error } = await lab.post<{ error: { code: string; hint: string } }>(
      ...([`${pod}/unlock`, { passphrase: PASSPHRASE }, 429] as const),
    );
    assert.equal(error.code, 'UNLOCK_REFUSED');
    assert.match(error.hint, /^Try again in \d+ s\.$/);
    for (const body of [{}, { passphrase: '' }, { passphrase: 7 }, { passphrase: 'x'.repeat(2000) }, []])
      await lab.post(`${pod}/unlock`, body, 400);
  });

  it('makes a checkpoint, lists, compares and finds, as the command line does', async () => {
    await unlock();
    assert.equal((await lab.result<{ number: number }>(`${pod}/v1/checkpoint`, {})).number, 1);
    await appendFile(join(tree.dir, 'letter.txt'), 'more\n');
    await writeFile(join(tree.dir, 'new.txt'), 'new\n');
    assert.equal((await lab.result<{ number: number }>(`${pod}/v1/checkpoint`, {})).number, 2);
    const listed = await lab.lines<object, { path: string }>(`${pod}/v1/ls`, {
      ...{ checkpoint: 2, at: { path: '' }, isRecursive: true },
    });
    const paths = listed.flatMap((line) => ('item' in line ? [line.item.path] : []));
    assert.deepEqual(paths, ['folder', 'folder/note.txt', 'letter.txt', 'new.txt']);
    const difference = await lab.get<Difference>(`${pod}/changes?before=1&after=2`);
    assert.deepEqual([difference.added, difference.contentChanged], [1, 1]);
    const { checkpoints } = await lab.get<Timeline>(`${pod}/timeline`);
    assert.deepEqual(
      checkpoints.map(({ number, fileCount, isHere }) => [number, fileCount, isHere]),
      [
        [1, 2, true],
        [2, 3, true],
      ],
    );
    assert.equal((await lab.overview()).pods.find(({ id }) => pod.endsWith(id))?.known?.checkpointCount, 2);
  });

  it('refuses parameters that no page has reason to send', async () => {
    await unlock();
    for (const [name, body] of [
      ['verify', { depth: 'data', isHealing: true, isGivingUp: true }],
      ['verify', { depth: 'all', isHealing: true }],
      ['prune', { policy: { last: 1 }, maxUnused: { share: 0 }, isDryRun: false }],
      ['ls', { checkpoint: 0, at: { path: '' }, isRecursive: true }],
      ['ls', { checkpoint: 1, at: '', isRecursive: true }],
      ['log', {}],
      ['checkpoint', { acceptsChanges: 'yes' }],
      ['status', []],
    ] as const) {
      const { error } = await lab.post<{ error: { code: string } }>(`${pod}/v1/${name}`, body, 400);
      assert.equal(error.code, 'USAGE', name);
    }
    for (const name of [
      'home-add',
      'home-remove',
      'key-list',
      'key-add',
      'restore-paths',
      'stop',
      'install',
      'exec',
    ])
      await lab.post(`${pod}/v1/${name}`, {}, 404);
  });

  it('tells pages of what it does itself', async () => {
    await unlock();
    const { heard } = await lab.live();
    const checkpoint = lab.result(`${pod}/v1/checkpoint`, {});
    for (const state of ['running', 'done'])
      await heard(
        (message) =>
          message.kind === 'work' && pod.endsWith(message.work.pod) && message.work.state === state,
      );
    await checkpoint;
  });

  it('keeps showing a pod that was taken away, as away', async () => {
    await unlock();
    await mkdir(join(tree.temp, 'elsewhere'));
    const away = join(tree.temp, 'elsewhere', 'pod');
    await rename(tree.dir, away);
    const gone = await lab.pod(tree.temp);
    assert.deepEqual([gone.access, gone.name], ['away', 'papers']);
    assert.ok(gone.health.findings.some(({ text }) => /not plugged in any more/.test(text)));
    const { code } = await lab.failure(`${pod}/v1/status`, {});
    assert.notEqual(code, 'INTERNAL');
    await rename(away, tree.dir);
    const back = await lab.pod(tree.temp);
    assert.equal(back.access, 'locked', 'what was pulled out is locked');
  });

  it('forgets a passphrase that was not used for a while', async () => {
    await lab.close();
    lab = await DashboardLab.open({ paths: [tree.dir], idleMs: 50 });
    await lab.overview();
    await unlock();
    const { heard } = await lab.live();
    await heard(
      (message) =>
        message.kind === 'overview' &&
        message.overview.pods.some(({ id, access }) => pod.endsWith(id) && access === 'locked'),
    );
  });
});

describe('a dashboard of a tree pod that is synced', () => {
  let tree: TreeLab;
  let lab: DashboardLab;
  let pod: string;
  before(async () => {
    tree = await openTreeLab();
    await tree.bringHome();
    await tree.write('pod', 'second');
    await tree.sync();
    const request = { policy: { last: 1 }, maxUnused: { share: 1 }, isDryRun: false };
    const settings = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };
    await operate(tree.dir, 'prune', request, settings);
  });
  beforeEach(async () => {
    lab = await DashboardLab.open({ paths: [tree.dir] });
    pod = `pods/${(await lab.pod(tree.dir)).id}`;
  });
  afterEach(() => lab.close());
  after(() => tree.close());

  const unlock = () => lab.post<UnlockAnswer>(`${pod}/unlock`, { passphrase: PASSPHRASE });

  it('shows what the marker says while it is locked, and what the pod says once it was unlocked', async () => {
    const locked = await lab.pod(tree.dir);
    assert.deepEqual([locked.access, locked.podId, locked.name], ['locked', tree.podId, 'pod']);
    assert.deepEqual([locked.known, locked.health.word], [undefined, 'unknown']);
    assert.equal((await lab.failure(`${pod}/v1/status`, {})).code, 'VAULT_LOCKED');
    const { pod: open } = await unlock();
    assert.deepEqual([open.access, open.name, open.known?.checkpointCount], ['unlocked', 'papers', 1]);
    assert.ok((open.lockAtMs ?? 0) > Date.now() + 500_000);
    const [home] = open.known?.homes ?? [];
    assert.deepEqual([home?.url, home?.missingCheckpoints, home?.missingWork], [tree.home, 0, undefined]);
    const { homes } = await lab.post<Overview>('look', {});
    assert.ok(homes.some(({ url }) => url === tree.home));
    assert.equal((await lab.result<StatusReport>(`${pod}/v1/status`, {})).podId, tree.podId);
    await lab.post(`${pod}/lock`, {});
    assert.equal((await lab.failure(`${pod}/v1/status`, {})).code, 'VAULT_LOCKED');
    const known = await lab.pod(tree.dir);
    assert.deepEqual([known.access, known.name], ['locked', 'papers']);
  });

  it('tells what lies at a home in the clear', async () => {
    await unlock();
    const { homes } = await lab.post<Overview>('look', {});
    const [there] = homes.find(({ url }) => url === tree.home)?.pods ?? [];
    assert.equal(there?.podId, tree.podId);
    assert.ok((there?.sizeBytes ?? 0) > 100);
    assert.equal(there?.headCount, 2);
  });

  it('tells of events with their words, newest first, a page at a time', async () => {
    await unlock();
    const all = await lab.get<EventPage>(`${pod}/events`);
    assert.equal(all.before, undefined);
    const types = all.events.map(({ event }) => event.type);
    assert.deepEqual(types.slice(-2), ['home.added', 'pod.created']);
    for (const { words } of all.events) assert.match(words.text, /\.$/);
    const first = await lab.get<EventPage>(`${pod}/events?limit=2`);
    const second = await lab.get<EventPage>(`${pod}/events?limit=1000&before=${first.before}`);
    assert.deepEqual([...first.events, ...second.events], all.events);
    const homes = await lab.get<EventPage>(`${pod}/events?topics=home`);
    assert.ok(homes.events.length > 0 && homes.events.every(({ words }) => words.topic === 'home'));
    const created = await lab.get<EventPage>(`${pod}/events?types=pod.created&words=PAPERS`);
    assert.equal(created.events.length, 1);
    assert.deepEqual((await lab.get<EventPage>(`${pod}/events?weight=warning`)).events, []);
    const later = await lab.get<EventPage>(`${pod}/events?sinceMs=${Date.now() + 60_000}`);
    assert.deepEqual(later, { events: [] });
    await lab.get(`${pod}/events?limit=0`, 400);
    await lab.get(`${pod}/events?before=x`, 400);
  });

  it('has what was forgotten here and is still at home in its timeline', async () => {
    await unlock();
    const { checkpoints, homes } = await lab.get<Timeline>(`${pod}/timeline`);
    assert.deepEqual(homes, [tree.home]);
    assert.deepEqual(
      checkpoints.map(({ number, isHere, homes: at }: TimelineCheckpoint) => [number, isHere, at]),
      [
        [1, false, [0]],
        [2, true, [0]],
      ],
    );
  });
});

describe('a dashboard of a tree pod that is watched', () => {
  let tree: TreeLab;
  let lab: DashboardLab;
  beforeEach(async () => {
    tree = await openTreeLab();
    const watching = tree.program.start(['watch', tree.dir]);
    const isWatching = ({ step }: Progress): boolean => step.startsWith('watching');
    assert.ok((await watching.progress(isWatching)) !== undefined, 'it ended instead');
    lab = await DashboardLab.open();
  });
  afterEach(async () => {
    await lab.close();
    await tree.close();
  });

  it('finds it without being told, tells pages what others do with it, and that it is locked in the end', async () => {
    const found = await lab.pod(tree.dir);
    assert.deepEqual([found.access, found.name, found.known?.isRunning], ['open', 'papers', true]);
    const pod = `pods/${found.id}`;
    assert.equal((await lab.result<{ number: number }>(`${pod}/v1/checkpoint`, {})).number, 1);
    await lab.post(`${pod}/unlock`, WRONG, 403);
    const opened = await lab.post<UnlockAnswer>(`${pod}/unlock`, { passphrase: PASSPHRASE });
    assert.equal(opened.pod.access, 'open');
    await lab.post(`${pod}/lock`, {});

    const { heard } = await lab.live();
    const seen = (holds: (pod: PodOverview) => boolean) =>
      heard(
        (message) =>
          message.kind === 'overview' &&
          message.overview.pods.some((each) => each.id === found.id && holds(each)),
      );
    await seen(({ access }) => access === 'open');
    await tree.program.answer(['schedule', 'add', 'nightly at 3', ...tree.at]);
    await seen(({ known }) => known?.nextCheckpoint?.words === 'daily at 03:00');
    assert.equal((await tree.program.answer<{ number: number }>(['checkpoint', ...tree.at])).number, 2);
    // pods of others may be in use on this computer, and are told of, too
    await heard(
      (message) =>
        message.kind === 'work' &&
        message.work.pod === found.id &&
        message.work.name === 'checkpoint' &&
        message.work.state === 'done',
    );
    const told = await heard(
      (message) =>
        message.kind === 'events' &&
        message.pod === found.id &&
        message.events.some(({ event }) => isSealed(event)),
    );
    assert.ok(told.kind === 'events' && told.events.every(({ words }) => words.text !== ''));
    await seen(({ known }) => known?.lastCheckpoint?.number === 2);
    await tree.program.answer(['watch', tree.dir, '--stop']);
    await seen(({ access, name }) => access === 'locked' && name === 'papers');
  });
});

function isSealed({ type }: PodEvent): boolean {
  return type === 'checkpoint.sealed';
}
