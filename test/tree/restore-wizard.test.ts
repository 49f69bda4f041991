// deskpod restore without arguments, at a terminal: it asks, rebuilds, changes the keys, and bears nonsense and Ctrl-C.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../src/core/errors.ts';
import { sheetCode } from '../../src/core/recovery-sheet.ts';
import type { PutQuestion } from '../../src/core/wizard-question.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { runRestoreWizard } from '../../src/session/wizard/restore-wizard.ts';
import { createTree } from '../../src/sync/pod/tree.ts';
import { itIfThorough } from '../exhaustive.ts';
import { startRsyncd } from '../sync/support/loopback-rsyncd.ts';
import { KEYS, Terminal } from './terminal.ts';
import { assertSameFiles, filesBelow, openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

const NEW_PASSPHRASE = 'a new and longer passphrase';
const { enter, up, down, interrupt } = KEYS;

describe('the restore wizard at a terminal', () => {
  let lab: TreeLab;
  let target: string;
  let terminal: Terminal | undefined;
  beforeEach(async () => {
    lab = await openTreeLab();
    target = join(lab.temp, 'new');
    await lab.bringHome();
  });
  afterEach(async () => {
    terminal?.close();
    terminal = undefined;
    await lab.close();
  });

  const start = (...args: readonly string[]): Terminal => {
    terminal = Terminal.start(['restore', ...args], { TMPDIR: lab.temp });
    return terminal;
  };
  const code = (homes: readonly string[]): string =>
    sheetCode({
      ...{ podName: 'papers', podId: lab.podId, label: 'recovery key', createdAtMs: 0, homes },
      recoveryKey: lab.recoveryKey,
    });
  /** The last two answers of the first question, whatever homes this computer has. */
  const bySheet = [up, enter];
  const byAddress = [up, up, enter];

  itIfThorough(
    'starts from nothing but a recovery sheet, and leaves the lost device no key that opens home',
    async () => {
      const before = await filesBelow(lab.dir);
      const wizard = start();
      await wizard.answer(/Where is the pod to come from\?/, ...bySheet);
      await wizard.answer(/What does the recovery sheet say\?/, `${code([lab.home])}\n\n`);
      await wizard.answer(/Which home of the sheet\?/, enter);
      await wizard.answer(/Which moment\?/, enter);
      await wizard.answer(/Into which folder\?/, target, enter);
      await wizard.answer(/Which passphrase is the pod to have\?/, enter);
      await wizard.answer(/The new passphrase/, NEW_PASSPHRASE, enter);
      await wizard.answer(/Again/, NEW_PASSPHRASE, enter);
      await wizard.shows(/nothing of either is overwritten/);
      await wizard.shows(/The pod has its new passphrase/);
      await wizard.shows(/Verified: every object is in its place/);
      await wizard.answer(/A new recovery sheet\?/, down, enter);
      await wizard.shows(/home +\S+\/home/);
      assert.equal(await wizard.ended, 0, wizard.text);
      assert.deepEqual(await filesBelow(target), before);
      const sheet = /AGE-SECRET-KEY-1\s+((?:[0-9A-Z]{2,4}\s+)+)/.exec(wizard.text)?.[1]?.replace(/\s/g, '');
      assert.ok(sheet !== undefined && sheet !== lab.recoveryKey.slice('AGE-SECRET-KEY-1'.length));
      const shown = (credential: Parameters<typeof operate>[2] & object) =>
        operate(
          target,
          'key-list',
          {},
          {
            ...{ passphrase: async () => '', onProgress: () => undefined },
            credential: async () => credential as never,
          },
        );
      await assert.rejects(shown({ passphrase: PASSPHRASE }), { code: 'PASSPHRASE_WRONG' });
      await assert.rejects(shown({ recoveryKey: lab.recoveryKey }), { code: 'KEYRING_NO_IDENTITY' });
      const { slots } = await shown({ passphrase: NEW_PASSPHRASE });
      assert.deepEqual(slots.map(({ kind }) => kind).sort(), ['passphrase', 'recovery']);
      // home has the new keyring only: neither the old passphrase nor the old sheet opens anything there
      const [old, next] = [join(lab.temp, 'old.txt'), join(lab.temp, 'next.txt')];
      await writeFile(old, PASSPHRASE);
      await writeFile(next, NEW_PASSPHRASE);
      const at = ['ls', '--from', lab.home, '--passphrase-file'];
      await lab.program.failure('PASSPHRASE_WRONG', [...at, old]);
      await lab.program.answer([...at, next]);
    },
  );

  itIfThorough('asks again what would not do, says what was expected, and lets one go back', async () => {
    const other = join(lab.temp, 'other');
    await mkdir(other);
    await writeFile(join(other, 'file'), 'of another pod');
    const { podId } = await createTree({ dir: other, name: 'other', passphrase: 'other', workFactor: 2 });
    const settings = { passphrase: async () => 'other', onProgress: () => undefined };
    await operate(other, 'home-add', { url: lab.home }, settings);
    await operate(other, 'checkpoint', {}, settings);
    await operate(other, 'sync', {}, settings);
    const [first] = [lab.podId, podId].sort();
    await lab.write('pod', 'a later letter');
    await lab.sync();

    const wizard = start();
    await wizard.answer(/Where is the pod to come from\?/, ...bySheet);
    await wizard.answer(/What does the recovery sheet say\?/, `${code([]).replace('1', '1Q')}\n\n`);
    await wizard.answer(/recovery key: expected 58 letters[\s\S]*What does the recovery sheet say\?/, '<\n');
    await wizard.answer(/Where is the pod to come from\?/, ...byAddress);
    await wizard.answer(/Where is the home\?/, join(lab.temp, 'nowhere'), enter);
    await wizard.answer(/deskpod: .*nowhere[\s\S]*Where is the home\?/, enter);
    await wizard.answer(/expected an answer, got none[\s\S]*Where is the home\?/, 'http://no', enter);
    await wizard.answer(/deskpod: expected \/path[\s\S]*Where is the home\?/, lab.home, enter);
    await wizard.answer(/Which pod\?/, ...(first === lab.podId ? [enter] : [down, enter]));
    await wizard.answer(/What opens the pod\?/, enter);
    await wizard.answer(/The passphrase/, 'wrong', enter);
    await wizard.answer(/deskpod: .*passphrase opens no slot[\s\S]*The passphrase/, PASSPHRASE, enter);
    await wizard.answer(/papers: home has 2 checkpoints[\s\S]*Which moment\?/, down, enter);
    await wizard.answer(/Into which folder\?/, lab.home, enter);
    await wizard.answer(/deskpod: .*expected another place[\s\S]*Into which folder\?/, other, enter);
    await wizard.answer(/deskpod: .*expected an empty folder[\s\S]*Into which folder\?/, target, enter);
    await wizard.answer(/Which passphrase is the pod to have\?/, down, enter);
    await wizard.answer(/The new passphrase/, PASSPHRASE, enter);
    await wizard.answer(/Again/, PASSPHRASE, enter);
    await wizard.answer(/is the one that the pod has[\s\S]*The new passphrase/, 'one', enter);
    await wizard.answer(/Again/, 'another', enter);
    await wizard.answer(/the two passphrases differ[\s\S]*The new passphrase/, NEW_PASSPHRASE, enter);
    await wizard.answer(/Again/, NEW_PASSPHRASE, enter);
    await wizard.answer(/as of checkpoint 1[\s\S]*A new recovery sheet\?/, enter);
    assert.equal(await wizard.ended, 0, wizard.text);
    const { lastCheckpoint } = await operate(
      target,
      'status',
      {},
      { passphrase: async () => NEW_PASSPHRASE, onProgress: () => undefined },
    );
    assert.equal(lastCheckpoint?.number, 2);
    assert.deepEqual((await filesBelow(target)).get('letter.txt') === undefined, false);
  });

  it('is stopped by Ctrl-C at each question, with nothing touched, and restores the next time', async () => {
    const home = await filesBelow(lab.home);
    const answers: readonly (readonly [RegExp, readonly string[]])[] = [
      [/Where is the pod to come from\?/, byAddress],
      [/Where is the home\?/, [lab.home, enter]],
      [/What opens the pod\?/, [enter]],
      [/The passphrase/, [PASSPHRASE, enter]],
      [/Which moment\?/, [enter]],
      [/Into which folder\?/, [target, enter]],
      [/Which passphrase is the pod to have\?/, [down, enter]],
      [/The new passphrase/, []],
    ];
    const atOnce = answers.map(async (_, last) => {
      const wizard = Terminal.start(['restore'], { TMPDIR: lab.temp });
      try {
        for (const [question, texts] of answers.slice(0, last)) await wizard.answer(question, ...texts);
        await wizard.answer(answers[last]?.[0] ?? assert.fail(), interrupt);
        await wizard.shows(/deskpod: stopped at a question; nothing was changed/);
        assert.equal(await wizard.ended, 130, wizard.text);
      } finally {
        wizard.close();
      }
    });
    await Promise.all(atOnce);
    assert.ok(!existsSync(target));
    assert.deepEqual(await filesBelow(lab.home), home);

    const wizard = start();
    for (const [question, texts] of answers.slice(0, -2)) await wizard.answer(question, ...texts);
    await wizard.answer(/Which passphrase is the pod to have\?/, enter);
    await wizard.answer(/Verified: [\s\S]*A new recovery sheet\?/, enter);
    assert.equal(await wizard.ended, 0, wizard.text);
    await assertSameFiles(target, lab.dir);
  });

  it('says that the target is no pod yet when it was stopped, and after that what else fails as it is', async () => {
    const stopped = async (meanwhile: () => void): Promise<unknown> => {
      const stop = new AbortController();
      const answers: Readonly<Record<string, string>> = { key: PASSPHRASE, path: target };
      const wizard = runRestoreWizard(
        { url: lab.home, showsAllDevices: false, carriesRuntime: false, isUsableFirst: false },
        {
          put: async (question) =>
            answers[question.id] ?? ('initial' in question ? (question.initial ?? '') : assert.fail()),
          onProgress: ({ step }) => {
            if (!step.startsWith('looking at')) return;
            stop.abort(new DeskPodError('CANCELLED', 'stopped'));
            meanwhile();
          },
          ...{ onRest: () => undefined, tell: () => undefined, showSheet: async () => true },
          leadOn: () => assert.fail(),
          signal: stop.signal,
        },
      );
      return wizard.then(
        () => assert.fail('it was not stopped'),
        (error: unknown) => error,
      );
    };
    const cancelled = await stopped(() => undefined);
    assert.ok(cancelled instanceof DeskPodError && cancelled.code === 'CANCELLED');
    assert.equal(cancelled.message, `stopped; ${target} is no pod yet`);
    target = join(lab.temp, 'other');
    const failed = await stopped(() => {
      mkdirSync(target);
      writeFileSync(join(target, 'letter'), 'of somebody else');
    });
    assert.ok(failed instanceof DeskPodError);
    assert.equal(failed.code, 'TARGET_NOT_EMPTY');
  });

  /** The wizard without a terminal: each question is answered by its id, others with what they begin with, and one stops it. */
  const stoppedAt = async (
    url: string,
    last: string,
    answers: Readonly<Record<string, readonly string[]>>,
  ): Promise<{ readonly asked: readonly PutQuestion[]; readonly error: DeskPodError }> => {
    const asked: PutQuestion[] = [];
    const left = new Map(Object.entries(answers).map(([id, texts]) => [id, [...texts]]));
    const wizard = runRestoreWizard(
      { url, showsAllDevices: false, carriesRuntime: false, isUsableFirst: false },
      {
        put: async (question) => {
          asked.push(question);
          if (question.id === last) throw new DeskPodError('CANCELLED', 'stopped at a question');
          return left.get(question.id)?.shift() ?? ('initial' in question ? (question.initial ?? '') : '');
        },
        ...{ onProgress: () => undefined, onRest: () => undefined, tell: () => undefined },
        showSheet: async () => true,
        leadOn: () => assert.fail(),
        signal: new AbortController().signal,
      },
    );
    const error = await wizard.then(
      () => assert.fail('it was not stopped'),
      (failure: unknown) => failure,
    );
    assert.ok(isDeskPodError(error, 'CANCELLED'), String(error));
    return { asked, error };
  };

  itIfThorough(
    'leaves the former recovery key in force if nobody has seen the new one, and says so',
    async () => {
      const told: string[] = [];
      const answers: Readonly<Record<string, string>> = { key: PASSPHRASE, path: target, recovery: 'new' };
      const { hasNewRecoveryKey } = await runRestoreWizard(
        { url: lab.home, showsAllDevices: false, carriesRuntime: false, isUsableFirst: true },
        {
          put: async (question) =>
            answers[question.id] ??
            ('initial' in question ? (question.initial ?? '') : assert.fail(question.id)),
          ...{ onProgress: () => undefined, onRest: () => undefined, tell: (text) => told.push(text) },
          // its page was closed right after the answer
          showSheet: async () => false,
          leadOn: () => assert.fail(),
          signal: new AbortController().signal,
        },
      );
      assert.equal(hasNewRecoveryKey, false);
      assert.match(told.join('\n'), /Nobody saw the new recovery sheet/);
      const { slots } = await operate(
        target,
        'key-list',
        {},
        {
          ...{ passphrase: async () => assert.fail(), onProgress: () => undefined },
          credential: async () => ({ recoveryKey: lab.recoveryKey }),
        },
      );
      assert.deepEqual(slots.map(({ kind }) => kind).sort(), ['passphrase', 'recovery']);
    },
  );

  it('asks for the password of a home again when it was mistyped', async () => {
    const secrets = join(lab.temp, 'secrets');
    await writeFile(secrets, 'ada:correct horse\n', { mode: 0o600 });
    const daemon = await startRsyncd(join(lab.temp, 'rsyncd'), {
      home: { path: lab.home, 'auth users': 'ada', 'secrets file': secrets },
    });
    try {
      const { asked } = await stoppedAt(`rsync://ada@127.0.0.1:${daemon.port}/home`, 'moment', {
        'home-password': ['wrong horse', 'correct horse'],
        key: [PASSPHRASE],
      });
      const ids = ['home-password', 'home-password', 'key-kind', 'key', 'moment'];
      assert.deepEqual(
        asked.map(({ id }) => id),
        ids,
      );
      assert.match(asked[1]?.fault?.message ?? '', /does not take this one/);
    } finally {
      await daemon.stop();
    }
  });

  itIfThorough(
    'says that homes have the former keys when it is stopped before they hear of the new ones',
    async () => {
      const { error } = await stoppedAt(lab.home, 'recovery', {
        ...{ key: [PASSPHRASE], path: [target] },
        ...{ passphrase: ['new'], 'new-passphrase': [NEW_PASSPHRASE] },
      });
      assert.ok(error.hint?.includes(`until \`deskpod sync -d ${target}\``), error.hint);
    },
  );

  it('names the flags where there is no terminal to ask at, or where a machine reads', async () => {
    for (const args of [['restore'], ['restore', '--all-devices']]) {
      const { hint } = await lab.program.failure('USAGE', args);
      assert.match(hint ?? '', /--from HOME --to DEVICE/);
      assert.match(hint ?? '', /--web/);
    }
    await lab.program.failure('USAGE', ['restore', '--pod', lab.podId]);
    await lab.program.failure('USAGE', ['restore', '--web', '--to', target]);
  });
});
