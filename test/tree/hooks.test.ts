// Hooks: the user's own commands around steps, from folders that nobody else can write to.
import assert from 'node:assert/strict';
import { chmod, chown, lchown, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type FoundHook, findHooks } from '../../src/session/hooks/find-hooks.ts';
import type { HookRun } from '../../src/session/hooks/run-hook.ts';
import type { HookEvent } from '../../src/session/hooks/steps.ts';
import { identifyProcess } from '../../src/session/host/process-identity.ts';
import type { StatusReport } from '../../src/session/operation/operations.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { itAsRoot } from '../as-root.ts';
import { until } from '../session/until.ts';
import type { Program } from './program.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

/** Takes what a hook is told into a file beside it. */
const TAKE = 'cat > "$0.told"';

describe('a hook', () => {
  let lab: TreeLab;
  let hooksDir: string;
  let program: Program;

  beforeEach(async () => {
    lab = await openTreeLab();
    hooksDir = join(lab.temp, 'hooks.d');
    await mkdir(hooksDir);
    program = lab.program.with({
      env: {
        DESKPOD_HOOKS: hooksDir,
        XDG_CONFIG_HOME: join(lab.temp, 'config'),
        DESKPOD_HOOK_LOG: join(lab.temp, 'hooks.log'),
      },
    });
  });
  afterEach(async () => {
    await lab.close();
  });

  it('before and after a step is told of it as JSON, with nothing but the step in its environment', async () => {
    await write('before-checkpoint', `${TAKE}; env > "$0.env"; pwd > "$0.pwd"`);
    await write('after-checkpoint', TAKE);
    const { number, warnings } = await program.answer<CheckpointReport>(['checkpoint', ...lab.at]);
    assert.deepEqual(warnings, []);
    const about = { version: 1, step: 'checkpoint', podId: lab.podId, kind: 'tree', place: lab.dir };
    const { atMs, ...before } = await told('before-checkpoint');
    assert.ok(Math.abs(Date.now() - atMs) < 60_000);
    assert.deepEqual(before, { ...about, phase: 'before' });
    const { outcome } = await told('after-checkpoint');
    assert.ok(outcome?.isDone === true);
    assert.equal(outcome.facts.number, number);
    assert.equal(outcome.facts.fileCount, 2);
    const env = await readFile(join(hooksDir, 'before-checkpoint.env'), 'utf8');
    const names = env.split('\n').map((line) => line.replace(/=.*/, ''));
    const expected = ['DESKPOD_PHASE', 'DESKPOD_POD_ID', 'DESKPOD_STEP', 'LANG', 'PATH'];
    const own = ['HOME', 'LOGNAME', 'USER', 'PWD', 'OLDPWD', 'SHLVL', '_', ''];
    assert.deepEqual(names.filter((name) => !own.includes(name)).sort(), expected);
    assert.match(env, new RegExp(`^DESKPOD_POD_ID=${lab.podId}$`, 'm'));
    assert.equal(await readFile(join(hooksDir, 'before-checkpoint.pwd'), 'utf8'), '/\n');
  });

  it('before a checkpoint may change files: they are sealed as it leaves them', async () => {
    await program.answer(['checkpoint', ...lab.at]);
    await write('before-checkpoint', `rm ${lab.dir}/letter.txt; echo all rows > ${lab.dir}/dump.sql`);
    const { fileCount } = await program.answer<CheckpointReport>(['checkpoint', ...lab.at]);
    assert.equal(fileCount, 2);
    const { stdout } = await program.run(['cat', 'latest', 'dump.sql', ...lab.at]);
    assert.equal(stdout, 'all rows\n');
  });

  it('that fails before a step stops it: nothing has changed, and those that come after know', async () => {
    await write('before-checkpoint', 'echo the database is busy; exit 3');
    await write('after-checkpoint', TAKE);
    const failure = await program.failure('HOOK_FAILED', ['checkpoint', ...lab.at]);
    assert.match(failure.message, /before-checkpoint ended with exit code 3: the database is busy$/);
    const { outcome } = await told('after-checkpoint');
    assert.ok(outcome?.isDone === false);
    assert.equal(outcome.error.code, 'HOOK_FAILED');
    const { seq, checkpointCount } = await program.answer<StatusReport>(['status', ...lab.at]);
    assert.deepEqual([seq, checkpointCount], [1, 0]);
    await rm(join(hooksDir, 'before-checkpoint'));
    assert.equal((await program.answer<CheckpointReport>(['checkpoint', ...lab.at])).number, 1);
  });

  it('that fails after a step is told, and changes nothing of it', async () => {
    await write('after-checkpoint', 'echo no mail today >&2; exit 1');
    await write('after-sync', 'kill -9 $$');
    const { number, warnings } = await program.answer<CheckpointReport>(['checkpoint', ...lab.at]);
    assert.equal(number, 1);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings.join(),
      /after-checkpoint ended with exit code 1: no mail today\. What it printed is/,
    );
    const [run] = await records();
    assert.match(run?.outputTail ?? '', /no mail today/);
    await program.answer(['home', 'add', lab.home, ...lab.at]);
    const synced = await program.answer<{ homes: object[]; warnings: string[] }>(['sync', ...lab.at]);
    assert.equal(synced.homes.length, 1);
    assert.match(synced.warnings.join(), /after-sync was ended by SIGKILL\./);
    const { stderr } = await program.run(['sync', ...lab.at]);
    assert.match(stderr, /after-sync was ended by SIGKILL/);
  });

  it('that hangs is ended with all that it has started, and counts as failed', async () => {
    await write('before-checkpoint', 'sleep 600 & echo $! > "$0.pid"; wait');
    const short = program.with({ env: { DESKPOD_HOOK_SECONDS: '3' } });
    const failure = await short.failure('HOOK_FAILED', ['checkpoint', ...lab.at]);
    assert.match(failure.message, /took longer than 3 s and was ended$/);
    const pid = Number(await readFile(join(hooksDir, 'before-checkpoint.pid'), 'utf8'));
    await until(() => identifyProcess(pid) === undefined);
  });

  it('may print megabytes, read nothing, close its input and leave something running', async () => {
    await write('before-checkpoint', 'head -c 5000000 /dev/zero | tr "\\0" x; echo the end');
    await write('after-checkpoint', 'exec <&-; sleep 60 & echo $! > "$0.pid"');
    const { warnings } = await program.answer<CheckpointReport>(['checkpoint', ...lab.at]);
    assert.deepEqual(warnings, []);
    const [before] = await records();
    assert.equal(before?.outputBytes, 5_000_008);
    assert.equal(before.outputTail.length, 16_384);
    assert.ok(before.outputTail.endsWith('the end\n'));
    process.kill(Number(await readFile(join(hooksDir, 'after-checkpoint.pid'), 'utf8')));
  });

  it('that others could have changed is never run, and stops the step that it comes before', async () => {
    const path = await write('before-checkpoint', TAKE);
    for (const [place, mode, former] of [
      [path, 0o757, 0o755],
      [path, 0o775, 0o755],
      [hooksDir, 0o777, 0o755],
    ] as const) {
      await chmod(place, mode);
      const failure = await program.failure('HOOK_REFUSED', ['checkpoint', ...lab.at]);
      assert.ok(
        failure.message.includes(`${place} can be written by others (mode ${`0${mode.toString(8)}`})`),
      );
      await chmod(place, former);
    }
    await assert.rejects(told('before-checkpoint'), { code: 'ENOENT' });
    const elsewhere = join(lab.temp, 'elsewhere');
    await mkdir(elsewhere);
    await chmod(elsewhere, 0o777);
    await writeFile(join(elsewhere, 'program'), '#!/bin/sh\n', { mode: 0o755 });
    await rm(path);
    await symlink(join(elsewhere, 'program'), path);
    const [found] = await listed();
    assert.equal(found?.standing, 'refused');
    assert.match(found?.reason ?? '', /elsewhere can be written by others/);
  });

  it('that a chain of links leads to is judged by each of them, and by each folder that one lies in', async () => {
    const program = join(lab.temp, 'program');
    await writeFile(program, '#!/bin/sh\n', { mode: 0o755 });
    const [open, sticky] = ['open', 'sticky'].map((name) => join(lab.temp, name)) as [string, string];
    await mkdir(join(open, 'folder'), { recursive: true });
    await mkdir(sticky);
    await chmod(open, 0o777);
    await chmod(sticky, 0o1777);
    const path = join(hooksDir, 'before-checkpoint');
    const standing = async (to: string): Promise<string> => {
      await rm(path, { force: true });
      await symlink(to, path);
      const [found] = await findHooks([{ path: hooksDir, of: 'host' }]);
      return `${found?.standing} ${found?.reason ?? ''}`;
    };
    await symlink(program, join(open, 'link'));
    assert.equal(await standing(join(open, 'link')), `refused ${open} can be written by others (mode 0777)`);
    // a link in a link's way is one of the chain, too
    await symlink(lab.temp, join(open, 'folder', 'up'));
    assert.match(await standing(join(open, 'folder', 'up', 'program')), /^refused .*open can be written/);
    await symlink('../program', join(sticky, 'own'));
    assert.equal(await standing(join(sticky, 'own')), 'runs ');
    if (process.geteuid?.() !== 0) return;
    await symlink(program, join(sticky, 'of-another'));
    await lchown(join(sticky, 'of-another'), 1234, 1234);
    assert.match(await standing(join(sticky, 'of-another')), /^refused .*of-another belongs to user 1234/);
  });

  itAsRoot('of another user is never run', async () => {
    const path = await write('before-checkpoint', TAKE);
    await chown(path, 1234, 0);
    const failure = await program.failure('HOOK_REFUSED', ['checkpoint', ...lab.at]);
    assert.ok(failure.message.endsWith(`${path} belongs to user 1234`));
  });

  it('can be one of several in a folder, which run in order up to the first that fails', async () => {
    const note = join(lab.temp, 'note');
    await mkdir(join(hooksDir, 'before-checkpoint.d'));
    for (const name of ['20-second', '10-first', '30-third', '40-old.bak'])
      await write(`before-checkpoint.d/${name}`, `echo ${name} >> ${note}; test ${name} != 20-second`);
    await writeFile(join(hooksDir, 'before-checkpoint.d/README'), 'about these');
    await write('before-breakfast', TAKE);
    await program.failure('HOOK_FAILED', ['checkpoint', ...lab.at]);
    assert.equal(await readFile(note, 'utf8'), '10-first\n20-second\n');
    assert.deepEqual(
      (await listed()).map(({ path, standing }) => [basename(path), standing]),
      [
        ['before-breakfast', 'idle'],
        ['10-first', 'runs'],
        ['20-second', 'runs'],
        ['30-third', 'runs'],
        ['40-old.bak', 'idle'],
        ['README', 'idle'],
      ],
    );
    const { stdout } = await program.run(['hooks']);
    assert.match(stdout, /^runs {5}before checkpoint: .*10-first$/m);
    assert.match(stdout, /^ignored {2}.*before-breakfast$/m);
  });

  it('of the user is run for a tree pod, and can use the pod when it comes after a step', async () => {
    const userDir = join(lab.temp, 'config/deskpod/hooks.d');
    await mkdir(userDir, { recursive: true });
    await program.answer(['home', 'add', lab.home, ...lab.at]);
    const deskpod = new URL('../../bin/deskpod', import.meta.url).pathname;
    const sync = `${deskpod} sync -d ${lab.dir} --passphrase-file ${join(lab.temp, 'passphrase')}`;
    await writeFile(join(userDir, 'after-checkpoint'), `#!/bin/sh\n${sync}\n`, { mode: 0o755 });
    const lacking = async (): Promise<number | undefined> => {
      const { homes } = await program.answer<StatusReport>(['status', ...lab.at]);
      return homes[0]?.missingCheckpoints;
    };
    const { warnings } = await program.answer<CheckpointReport>(['checkpoint', ...lab.at]);
    assert.deepEqual([warnings, await lacking()], [[], 0]);
    // the same where a supervisor answers, in whose turns the hook's own command takes one
    const watching = program.start(['watch', lab.dir]);
    await watching.progress(({ step }) => step.startsWith('watching'));
    await writeFile(join(lab.dir, 'letter.txt'), 'another letter\n');
    const watched = await program.answer<CheckpointReport>(['checkpoint', ...lab.at]);
    assert.deepEqual([watched.number, watched.warnings, await lacking()], [2, [], 0]);
    watching.kill('SIGINT');
    await watching.ended;
  });

  it('is run around a restore', async () => {
    await lab.bringHome();
    await write('before-restore', TAKE);
    await write('after-restore', TAKE);
    await program.answer(lab.restoreTo('again'));
    const place = join(lab.temp, 'again');
    assert.equal((await told('before-restore')).place, place);
    const { outcome, podId } = await told('after-restore');
    assert.ok(outcome?.isDone === true);
    assert.deepEqual([podId, outcome.facts.checkpoint], [lab.podId, 1]);
  });

  async function write(name: string, script: string): Promise<string> {
    const path = join(hooksDir, name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  async function told(name: string): Promise<HookEvent> {
    return JSON.parse(await readFile(join(hooksDir, `${name}.told`), 'utf8')) as HookEvent;
  }

  async function records(): Promise<HookRun[]> {
    const text = await readFile(join(lab.temp, 'hooks.log'), 'utf8');
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as HookRun);
  }

  async function listed(): Promise<readonly FoundHook[]> {
    return (await program.answer<{ hooks: readonly FoundHook[] }>(['hooks'])).hooks;
  }
});
