// A desktop at home, with real sessions: asked for a checkpoint while it runs, safe when it is suspended, and drilled there.
// It takes a minute: with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { DesktopLab } from './desktop-lab.ts';
import { runWithStick } from './guest/stick-host.ts';
import { makeRuntimeImage } from './runtime-image.ts';

const describeThere = IS_EXHAUSTIVE ? describe : () => undefined;

interface Docked {
  readonly devices: readonly { readonly path: string; readonly step: string; readonly problem?: object }[];
}

const UNIT = readFileSync(new URL('../../ops/host/deskpod-dock.service', import.meta.url), 'utf8');
const UNIT_CAPABILITIES = (/^CapabilityBoundingSet=~(.*)$/m.exec(UNIT)?.[1] ?? '')
  .split(' ')
  .map((name) => `-${name.slice('CAP_'.length).toLowerCase()}`)
  .join();
/** What deskpod-dock.service takes from what it runs, but for its mounts. */
const AS_UNIT = [
  ...['setpriv', '--no-new-privs', '--bounding-set', UNIT_CAPABILITIES],
  ...['sh', '-c', 'umask 077; exec "$@"', 'sh'],
];

describeThere('a desktop that meets its home', function () {
  this.timeout(1_200_000);
  before(makeRuntimeImage);
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
    const identity = ['--identity', join(lab.dir, 'identity')];
    await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
    await lab.program.answer(['checkpoint', ...lab.at()]);
    await lab.program.answer(['sync', ...lab.at()]);
    await lab.program.answer(['home', 'allow', lab.home, '--read', ...identity, ...lab.at()]);
  });
  afterEach(() => lab.close());

  const dock = (): Promise<Docked> =>
    lab.program.answer<Docked>([
      ...['dock', '--once', '--no-upkeep', '--home', lab.home, '--watch', lab.dir],
      ...['--identity', join(lab.dir, 'identity'), '--journal', join(lab.dir, 'journal')],
    ]);
  const steps = async (): Promise<string[]> =>
    (await readFile(join(lab.dir, 'journal'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => String((JSON.parse(line) as { step: string }).step));

  it('is asked while it runs, taken over when it is suspended, and proven by a drill that changes nothing', async () => {
    await lab.start();
    await lab.showWindow();
    assert.deepEqual(
      (await dock()).devices.map(({ step }) => step),
      ['backed-up'],
    );
    assert.ok((await steps()).includes('checkpointing'));
    await lab.withPicture('suspend');
    assert.deepEqual(
      (await dock()).devices.map(({ step, problem }) => [step, problem]),
      [['safe', undefined]],
    );
    const heads = async () =>
      readFile(join(lab.home, 'pods', (await readdir(join(lab.home, 'pods')))[0] ?? '', 'head'));
    const before = await heads();
    const drilled = await lab.program
      .with({ through: AS_UNIT })
      .answer<{ hasSession: boolean; likeness: number; durationMs: number }>([
        ...['drill', '--home', lab.home, '--session', '--scratch', lab.dir],
        ...['--identity', join(lab.dir, 'identity'), '--journal', join(lab.dir, 'journal')],
      ]);
    assert.equal(drilled.hasSession, true);
    assert.ok(drilled.likeness > 0.9, String(drilled.likeness));
    assert.deepEqual(await heads(), before);
    assert.deepEqual(
      (await dock()).devices.map(({ step }) => step),
      ['safe'],
    );
    const { provenRestore, homes } = (await lab.status()) as unknown as {
      provenRestore: { hasSession: boolean };
      homes: { missingCheckpoints: number }[];
    };
    assert.equal(provenRestore.hasSession, true);
    assert.equal(homes[0]?.missingCheckpoints, 0);
    await lab.start();
  });

  it('is noticed by udev when its stick is plugged in, and can be pulled out when it is said to be safe', async () => {
    await lab.program.answer(['runtime', 'put', ...lab.at()]);
    await lab.program.answer(['sync', ...lab.at()]);
    await lab.program.answer(['checkpoint', ...lab.at()]);
    const files = { identity: { path: join(lab.dir, 'identity') }, home: { path: lab.home } };
    const { answers, left } = await runWithStick(lab, 'trixie', 'systemd.sh', ['scene=docked'], files);
    const journal = answers.filter((answer) => (answer as { type?: string }).type === 'dock.step');
    assert.deepEqual(
      journal.map((entry) => (entry as { step: string }).step),
      ['noticed', 'identified', 'opened', 'syncing', 'verifying', 'safe', 'gone'],
    );
    assert.deepEqual(left, []);
    const { homes } = answers.at(-1) as { homes: { missingCheckpoints: number }[] };
    assert.equal(homes[0]?.missingCheckpoints, 0);
  });
});
