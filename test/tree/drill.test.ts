// Restore drills of tree pods, and what home does for itself: what is proven, what is found, and that nothing else changes.
// Some take seconds: those run with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDockFile } from '../../src/cli/dock-settings.ts';
import type { ProgressListener } from '../../src/core/progress.ts';
import type { UpkeepPlan } from '../../src/core/upkeep.ts';
import { HomeUpkeep, resumesSession } from '../../src/session/dock/upkeep-home.ts';
import { runDrill } from '../../src/session/drill/run-drill.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { readHomeIdentity } from '../../src/sync/dock/home-identity.ts';
import { checkHomeSample } from '../../src/sync/verify/home-sample.ts';
import { WITHOUT_OVERRIDE } from '../as-root.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { expectCode } from '../sync/expect-code.ts';
import { DockLab, quiet, SETTINGS } from './dock-lab.ts';
import { filesBelow, PASSPHRASE } from './tree-lab.ts';

const itThoroughly = IS_EXHAUSTIVE ? it : () => undefined;
const HOUR_MS = 3_600_000;

describe('a restore drill', () => {
  let lab: DockLab;
  beforeEach(async () => {
    lab = await DockLab.open({ mayRead: true });
    await lab.tree.sync();
  });
  afterEach(() => lab.close());

  const drill = (onProgress: ProgressListener = quiet, stop: { readonly signal?: AbortSignal } = {}) =>
    runDrill({
      ...{ from: lab.tree.home, resumes: true, scratchDir: lab.tree.temp, onProgress, ...stop },
      credential: { passphrase: PASSPHRASE },
    });
  const scratch = () => join(lab.tree.temp, `deskpod-drill-${process.getuid?.() ?? 0}`);

  const upkeep = (plan: UpkeepPlan, onProgress: ProgressListener = quiet, signal?: AbortSignal) =>
    new HomeUpkeep(
      {
        ...{ homeDir: lab.tree.home, identityFile: lab.identityFile, plan, policy: { last: 1 } },
        ...{ checkShare: 1, resumes: true, scratchDir: lab.tree.temp },
      },
      lab.journal,
      onProgress,
    ).run(signal);

  itThoroughly(
    'proves every byte, changes nothing at home, fences no device, and leaves nothing behind',
    async () => {
      const before = await filesBelow(lab.tree.home);
      const { podKind, hasSession, fileCount, durationMs } = await drill();
      assert.deepEqual([podKind, hasSession], ['tree', false]);
      assert.ok(fileCount > 0 && durationMs > 0);
      assert.deepEqual(await filesBelow(lab.tree.home), before);
      const left = await readdir(lab.tree.temp, { recursive: true });
      assert.deepEqual(
        left.filter((name) => name.startsWith('deskpod-') && name.includes('/')),
        [],
      );
      await lab.tree.write('pod', 'goes on');
      assert.equal((await lab.tree.report('pod')).branch, undefined);
    },
  );

  it('that is stopped says so and leaves nothing, and to home that does it is due as before', async () => {
    const abortAt = (wanted: string): [ProgressListener, AbortSignal] => {
      const stop = new AbortController();
      return [({ step }) => step === wanted && stop.abort(), stop.signal];
    };
    const [whenRebuilding, signal] = abortAt('laying out the files');
    const { message } = await expectCode('CANCELLED', () => drill(whenRebuilding, { signal }));
    assert.match(message, /its copy and all else that it made is removed/);
    assert.deepEqual(await readdir(scratch()), []);
    const plan = { drill: { everyMs: HOUR_MS } };
    for (const attempt of ['the first', 'and again at once']) {
      const [outcome] = await upkeep(plan, ...abortAt('reading'));
      assert.deepEqual(
        [outcome?.isDone, outcome?.isWarning, outcome?.text],
        [false, false, message],
        attempt,
      );
      assert.deepEqual(await readdir(scratch()), []);
    }
  });

  it('removes what one that was killed had left, and nothing else', async () => {
    const left = join(scratch(), '4194305-0123456789abcdef');
    await mkdir(left, { recursive: true, mode: 0o700 });
    await chmod(scratch(), 0o700);
    await symlink(lab.tree.home, join(left, 'pod'));
    await symlink(join(lab.tree.temp, 'passphrase'), join(left, 'pod.img'));
    await writeFile(`${left}.lock`, '');
    await writeFile(join(scratch(), 'notes.lock'), '');
    const before = await filesBelow(lab.tree.home);
    await drill();
    assert.deepEqual(await readdir(scratch()), ['notes.lock']);
    assert.deepEqual(await filesBelow(lab.tree.home), before);
    assert.equal(await readFile(join(lab.tree.temp, 'passphrase'), 'utf8'), `${PASSPHRASE}\n`);
  });

  itThoroughly('fails where home lacks something or has it damaged, and says which', async () => {
    const packsDir = join(lab.tree.home, 'pods', lab.tree.podId, 'packs');
    const name = (await readdir(packsDir, { recursive: true })).find((each) => each.endsWith('.age'));
    const pack = join(packsDir, name ?? assert.fail('no pack'));
    const bytes = await readFile(pack);
    await writeFile(pack, Buffer.from(bytes).fill(0, 250, 280));
    await expectCode('HOME_DAMAGED', drill);
    const { damaged } = await checkHomeSample(lab.tree.home, { share: 1, after: undefined });
    assert.deepEqual(damaged, [`pods/${lab.tree.podId}/packs/${name}`]);
  });

  it('is done by home itself where it may read the pod, and reaches the pod’s log when that comes home', async () => {
    const outcomes = await upkeep({ drill: { everyMs: HOUR_MS } });
    assert.deepEqual(
      outcomes.map(({ kind, podId, isDone }) => [kind, podId, isDone]),
      [['drill', lab.tree.podId, true]],
    );
    assert.deepEqual(await upkeep({ drill: { everyMs: HOUR_MS } }), [], 'it is not due again');
    await lab.dock();
    const { provenRestore } = await operate(lab.tree.dir, 'status', {}, SETTINGS);
    assert.equal(provenRestore?.url, lab.tree.home);
    assert.ok((provenRestore?.durationMs ?? 0) > 0);
    const text = (await lab.tree.program.run(['status', ...lab.tree.at])).stdout;
    assert.match(text, /restored +last proven .* ago .*; would take /);
    await lab.dock();
    const proven = (await lab.events()).filter(({ event }) => event.type === 'restore.proven');
    assert.equal(proven.length, 1, 'it is told once');
  });

  itThoroughly('that has ended with the process that did it is not begun again at once', async () => {
    const plan = { drill: { everyMs: HOUR_MS } };
    const about = { kind: 'drill', podId: lab.tree.podId };
    await lab.journal.add('home.upkeep', { ...about, isBegun: true });
    assert.deepEqual(await upkeep(plan), []);
    await lab.journal.add('home.upkeep', { ...about, isDone: false, code: 'CANCELLED', message: 'stopped' });
    assert.equal((await upkeep(plan)).length, 1);
    const kept = (await lab.journal.read()).slice(-2).map(({ isBegun, isDone }) => [isBegun, isDone]);
    assert.deepEqual(kept, [
      [true, undefined],
      [undefined, true],
    ]);
  });

  itThoroughly('is not done by home where it may not read the pod', async () => {
    await lab.allow(false);
    await lab.tree.sync();
    assert.deepEqual(await upkeep({ drill: { everyMs: HOUR_MS } }), []);
    const { identity } = (await readHomeIdentity(lab.identityFile)) ?? assert.fail('no identity');
    await expectCode('KEYRING_NO_IDENTITY', () =>
      runDrill({
        ...{ from: lab.tree.home, resumes: false, scratchDir: lab.tree.temp, onProgress: quiet },
        credential: { homeIdentity: identity },
      }),
    );
  });

  itThoroughly('is a command, too', async () => {
    const args = [
      'drill',
      '--home',
      lab.tree.home,
      '--scratch',
      lab.tree.temp,
      '--journal',
      lab.journal.path,
    ];
    const answer = await lab.tree.program.answer<{ checkpoint: number; podKind: string }>(args);
    assert.deepEqual([answer.podKind, answer.checkpoint], ['tree', 1]);
    await lab.tree.program.answer([...args, '--identity', lab.identityFile]);
    await lab.tree.program.failure('USAGE', ['drill']);
  });

  itThoroughly(
    'has proven what it has also where home’s journal may not be written, and says so',
    async () => {
      const closed = join(lab.tree.temp, 'closed');
      await mkdir(closed, { mode: 0o500 });
      const args = [
        '--home',
        lab.tree.home,
        '--scratch',
        lab.tree.temp,
        '--journal',
        join(closed, 'journal'),
      ];
      const { status, stdout } = await lab.tree.program
        .with({ through: WITHOUT_OVERRIDE })
        .run(['--json', 'drill', ...args]);
      assert.equal(status, 3, stdout);
      const answer = JSON.parse(stdout) as { checkpoint: number; warnings: string[] };
      assert.equal(answer.checkpoint, 1);
      assert.match(answer.warnings.join(), /does not stand in home’s journal: .*\(EACCES, open\)/);
    },
  );

  itThoroughly('is a command that Ctrl-C ends, with nothing left', async () => {
    await writeFile(join(lab.tree.dir, 'large'), randomBytes(64 * 2 ** 20));
    await lab.tree.write('pod', 'more');
    await lab.tree.sync();
    const args = ['--home', lab.tree.home, '--scratch', lab.tree.temp, '--journal', lab.journal.path];
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const running = lab.tree.program.start(['drill', ...args]);
      await running.progress(({ step }) => step.startsWith('looking at'));
      running.kill(signal);
      const { status, stdout } = await running.ended;
      assert.equal(status, 130, stdout);
      assert.match(stdout, /its copy and all else that it made is removed/);
      assert.deepEqual(await readdir(scratch()), []);
    }
  });

  itThoroughly('has a home check itself in parts that meet everything in turn', async () => {
    const whole = await checkHomeSample(lab.tree.home, { share: 1, after: undefined });
    const met = new Set<string>();
    let after: string | undefined;
    for (let turn = 0; turn < whole.totalObjects; turn++) {
      const { until, checkedObjects } = await checkHomeSample(lab.tree.home, { share: 0.0001, after });
      assert.equal(checkedObjects, 1);
      met.add(until ?? '');
      after = until;
    }
    assert.equal(met.size, whole.totalObjects);
  });
});

describe('the settings of a dock', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-settings-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const read = async (settings: object) => {
    const file = join(dir, 'dock.json');
    await writeFile(file, JSON.stringify(settings));
    return readDockFile(file, true);
  };

  it('have drills resume no session, but of pods that they name', async () => {
    const [named, other] = ['ab'.repeat(16), 'cd'.repeat(16)];
    const resumed = async (settings: object) => {
      const { drillSession } = await read(settings);
      return [named, other].filter((podId) => resumesSession(drillSession, podId));
    };
    assert.deepEqual(await resumed({}), []);
    assert.equal((await readDockFile(join(dir, 'none'), false)).drillSession, false);
    assert.deepEqual(await resumed({ drillSession: false }), []);
    assert.deepEqual(await resumed({ drillSession: [] }), []);
    assert.deepEqual(await resumed({ drillSession: [named] }), [named]);
    assert.deepEqual(await resumed({ drillSession: true }), [named, other]);
    for (const drillSession of ['yes', named, ['ab'], [named.toUpperCase()], { [named]: true }, null])
      await expectCode('USAGE', () => read({ drillSession }));
  });

  it('that make no sense are named', async () => {
    for (const [settings, expected] of [
      [{ pruneEvery: '1d' }, /dock\.json: pruneEvery: expected what to keep beside it, in "keep"/],
      [{ keep: { daily: 7 }, pruneEvery: 'often' }, /dock\.json: pruneEvery: "often" is not a time/],
      [{ keep: { within: 'long' } }, /dock\.json: keep: "long" is not a time/],
      [{ keep: { daily: 'many' } }, /dock\.json: keep: expected whole numbers/],
      [{ keep: {} }, /dock\.json: keep: expected a policy that keeps something/],
      [{ checkEvery: '1 day' }, /dock\.json: checkEvery: "1 day" is not a time/],
      [{ drillEvery: 'sometimes' }, /dock\.json: drillEvery: "sometimes" is not a time/],
      [{ repeatEvery: '' }, /dock\.json: repeatEvery: "" is not a time/],
      [{ checkShare: '5' }, /dock\.json: checkShare: "5" is not a share/],
      [{ batteryLimit: 'low' }, /dock\.json: batteryLimit: "low" is not a share/],
    ] as const)
      assert.match((await expectCode('USAGE', () => read(settings))).message, expected);
    const { plan, checkShare } = await read({ keep: { last: 3 }, checkEvery: 'never', checkShare: '10%' });
    assert.deepEqual(Object.keys(plan), ['prune', 'drill']);
    assert.equal(checkShare, 0.1);
  });
});
