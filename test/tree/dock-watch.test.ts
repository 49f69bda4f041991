// A dock at work on tree pods: what it notices, what it waits for, and what it does once, as a command.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { HookEvent } from '../../src/session/hooks/steps.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { DockLab } from './dock-lab.ts';
import type { Program } from './program.ts';

const itThoroughly = IS_EXHAUSTIVE ? it : () => undefined;

describe('a dock', () => {
  let lab: DockLab;
  beforeEach(async () => {
    lab = await DockLab.open();
  });
  afterEach(() => lab.close());

  itThoroughly('notices what comes and goes, and brings home what has come', async () => {
    const media = join(lab.tree.temp, 'media');
    await mkdir(media);
    const watching = lab.watch(media);
    const path = join(media, 'stick');
    await lab.tree.write('pod', 'second');
    await rename(lab.tree.dir, path);
    await watching.until(path, 'backed-up');
    await rename(path, lab.tree.dir);
    assert.equal((await watching.until(path, 'gone')).interrupted, undefined);
    await lab.tree.write('pod', 'third');
    await rename(lab.tree.dir, path);
    const { result } = await watching.until(path, 'backed-up');
    assert.equal(await lab.homeSeq(), result?.seq);
    await watching.end();
  });

  itThoroughly('waits while something is in the way, says so, and goes on by itself', async () => {
    const media = join(lab.tree.temp, 'media');
    await mkdir(media);
    await lab.tree.write('pod', 'second');
    const inTheWay = ['another backup runs: restic'];
    lab.obstacles = async () => inTheWay;
    const watching = lab.watch(media);
    const path = join(media, 'stick');
    await rename(lab.tree.dir, path);
    const { reasons } = await watching.until(path, 'waiting');
    assert.deepEqual(reasons, inTheWay);
    lab.obstacles = async () => [];
    await watching.until(path, 'backed-up');
  });

  it('begins nothing with a device that was taken away while another one of its pod had its turn', async () => {
    const media = join(lab.tree.temp, 'media');
    await mkdir(media);
    const [first, second] = ['first', 'second'].map((name) => join(media, name)) as [string, string];
    await cp(lab.tree.dir, second, { recursive: true });
    await rename(lab.tree.dir, first);
    const [begun, turn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const asked: string[] = [];
    lab.obstacles = async ({ path }) => {
      asked.push(path);
      begun.resolve();
      await turn.promise;
      return ['enough of it'];
    };
    const watching = lab.watch(media);
    await Promise.all([first, second].map((path) => watching.until(path, 'identified')));
    await begun.promise;
    const [waiting = ''] = [first, second].filter((path) => !asked.includes(path));
    await rename(waiting, lab.tree.dir);
    await watching.until(waiting, 'gone');
    turn.resolve();
    const [other = ''] = asked;
    await watching.until(other, 'waiting');
    await watching.end();
    assert.deepEqual(new Set(asked), new Set([other]));
  });

  it('brings home what is there once, as a command, and ends', async () => {
    await lab.tree.write('pod', 'second');
    const config = join(lab.tree.temp, 'dock.json');
    await writeFile(
      config,
      JSON.stringify({
        ...{ home: lab.tree.home, watch: [lab.tree.temp], identity: lab.identityFile },
        ...{ journal: lab.journal.path, keep: { last: 3 }, checkShare: '100%', otherBackups: [] },
      }),
    );
    const hooks = await hooksAfter('cat >"$0.told"');
    const answer = await hooks.program.answer<{
      devices: { path: string; step: string }[];
      upkeep: { kind: string; isDone: boolean }[];
    }>(['dock', '--once', '--config', config]);
    assert.deepEqual(
      answer.devices.map(({ path, step }) => [path, step]),
      [[lab.tree.dir, 'backed-up']],
    );
    assert.deepEqual(
      answer.upkeep.map(({ kind, isDone }) => [kind, isDone]),
      [
        ['prune', true],
        ['check', true],
      ],
    );
    const told = JSON.parse(await readFile(join(hooks.dir, 'after-dock.told'), 'utf8')) as HookEvent;
    assert.deepEqual([told.step, told.podId, told.place], ['dock', lab.tree.podId, lab.tree.dir]);
    assert.ok(told.outcome?.isDone);
    assert.equal(told.outcome.facts.isSafeToUnplug, false);
    assert.equal(told.outcome.facts.seq, await lab.homeSeq());
    await writeFile(config, JSON.stringify({ home: lab.tree.home, keep: { daily: 'many' } }));
    await lab.tree.program.failure('USAGE', ['dock', '--once', '--config', config]);
    await lab.tree.program.failure('USAGE', ['dock', '--once', '--config', `${config}-none`]);
  });

  itThoroughly(
    'that does it once is ended by a signal, holds nothing then, and goes on the next time',
    async () => {
      await writeFile(join(lab.tree.dir, 'large'), randomBytes(64 * 2 ** 20));
      await lab.tree.write('pod', 'second');
      const config = join(lab.tree.temp, 'dock.json');
      const { home, temp } = lab.tree;
      const files = { identity: lab.identityFile, journal: lab.journal.path };
      await writeFile(config, JSON.stringify({ home, watch: [temp], ...files, otherBackups: [] }));
      const before = await lab.homeHead();
      const running = lab.tree.program.start(['dock', '--once', '--no-upkeep', '--config', config]);
      await running.progress(({ step }) => step === `${lab.tree.dir}: syncing`);
      running.kill('SIGTERM');
      const { status, stdout } = await running.ended;
      assert.equal(status, 130, stdout);
      assert.deepEqual(await lab.homeHead(), before);
      const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
      // other docks of this computer may have views of theirs
      assert.ok(!mounts.some((line) => line.includes('deskpod/views') && line.includes(basename(temp))));
      assert.equal((await lab.dock()).step, 'backed-up');
    },
  );

  itThoroughly('is kept from a device by a hook that fails before it, and tells those after it', async () => {
    const { program, dir } = await hooksAfter('cat >"$0.told"', 'echo not today; exit 1');
    const before = await lab.homeHead();
    await lab.tree.write('pod', 'second');
    const { stdout } = await program.run([
      ...['--json', 'dock', '--once', '--no-upkeep', '--home', lab.tree.home, '--watch', lab.tree.temp],
      ...['--identity', lab.identityFile, '--journal', lab.journal.path],
    ]);
    const { devices } = JSON.parse(stdout) as { devices: { step: string; problem: { code: string } }[] };
    assert.deepEqual(
      devices.map(({ step, problem }) => [step, problem.code]),
      [['failed', 'HOOK_FAILED']],
    );
    assert.deepEqual(await lab.homeHead(), before);
    const told = JSON.parse(await readFile(join(dir, 'after-dock.told'), 'utf8')) as HookEvent;
    assert.equal(told.outcome?.isDone, false);
  });

  /** A program with hooks around each device. */
  async function hooksAfter(after: string, before?: string): Promise<{ dir: string; program: Program }> {
    const dir = join(lab.tree.temp, 'hooks.d');
    await mkdir(dir);
    const write = (name: string, script: string): Promise<void> =>
      writeFile(join(dir, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await write('after-dock', after);
    if (before !== undefined) await write('before-dock', before);
    const env = { DESKPOD_HOOKS: dir, DESKPOD_HOOK_LOG: join(lab.tree.temp, 'hooks.log') };
    return { dir, program: lab.tree.program.with({ env }) };
  }
});
