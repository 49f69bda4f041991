// Commands that are killed at one point after another: the next one just works, and nothing acknowledged is lost.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Running } from './program.ts';
import { assertSameFiles, filesBelow, openTreeLab, type TreeLab } from './tree-lab.ts';

const ATTEMPTS = 20;

/** True from some point of a command on, as what it leaves on the drive shows. */
type Moment = () => boolean;

describe('a killed command', function () {
  // each runs the program some twenty times, and copies of home beside it
  this.timeout(180_000);
  let lab: TreeLab;
  let podDir: string;
  beforeEach(async () => {
    lab = await openTreeLab();
    podDir = join(lab.dir, '.deskpod');
  });
  afterEach(async () => {
    await lab.close();
  });

  it('checkpoint leaves every acknowledged checkpoint whole, and the next one seals', async () => {
    const acknowledged = new Map<number, Map<string, string>>();
    const repository = join(podDir, 'repository');
    const moments: (() => Moment)[] = [
      () => isFilled(join(repository, 'tmp')),
      () => grows(join(repository, 'packs')),
      () => changes(join(podDir, 'log', '000000000001.log')),
      () => grows(join(repository, 'segments')),
      () => changes(join(repository, 'head')),
    ];
    for (const [index, moment] of moments.entries()) {
      let isKilled = false;
      // a busy machine may not look at the drive in the instant that counts
      for (let attempt = 0; attempt < ATTEMPTS && !isKilled; attempt++) {
        await writeFile(join(lab.dir, `file-${index}`), randomBytes(1_500_000));
        isKilled = await killAt(lab.program.start(['checkpoint', ...lab.at]), moment());
      }
      assert.ok(isKilled, `point ${index} was not reached`);
      const { number } = await lab.program.answer<{ number: number }>(['checkpoint', ...lab.at]);
      acknowledged.set(number, await filesBelow(lab.dir));
    }
    await lab.bringHome();
    assert.equal(acknowledged.size, moments.length);
    for (const [number, files] of acknowledged) {
      await lab.restoreHere(`back-${number}`, { checkpoint: number });
      assert.deepEqual(await filesBelow(join(lab.temp, `back-${number}`)), files);
    }
  });

  it('sync leaves home with its former head or the new one, whole, and the next one goes on', async () => {
    await lab.bringHome();
    const atHome = join(lab.home, 'pods', lab.podId);
    const moments: (() => Moment)[] = [
      () => () => true,
      () => grows(join(atHome, 'packs')),
      () => isFilled(atHome, /^\.head\./),
      () => changes(join(atHome, 'head')),
      () => changes(join(podDir, 'log', '000000000001.log')),
    ];
    for (const [index, moment] of moments.entries()) {
      await writeFile(join(lab.dir, 'large'), randomBytes(3_000_000));
      await lab.checkpoint();
      await killAt(lab.program.start(['sync', ...lab.at]), moment());
      await assertWhole(lab, `copy-${index}`);
      await lab.sync();
      await lab.restoreHere(`back-${index}`, { from: await copyOfHome(lab, `synced-${index}`) });
      await assertSameFiles(join(lab.temp, `back-${index}`), lab.dir);
    }
  });

  it('rsync, whichever one of a sync it is, ends that sync with a code, and the next one goes on', async () => {
    await lab.bringHome();
    for (const nth of [1, 2, 3, 4]) {
      await writeFile(join(lab.dir, 'large'), randomBytes(3_000_000));
      await lab.checkpoint();
      const sync = lab.program.start(['sync', ...lab.at]);
      await killRsync(sync, nth);
      const { status, stdout } = await sync.ended;
      if (status !== 0) assert.match(stdout, /"code":"HOME_UNREACHABLE"/);
      await assertWhole(lab, `copy-${nth}`);
      await lab.sync();
    }
    await lab.program.answer(lab.restoreTo('back'));
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });

  it('restore is finished by the same command, or was done already', async () => {
    await writeFile(join(lab.dir, 'large'), randomBytes(3_000_000));
    await lab.bringHome();
    const homeHead = join(lab.home, 'pods', lab.podId, 'head');
    const moments: ((target: string) => Moment)[] = [
      (target) => () => existsSync(target),
      (target) => isFilled(join(target, '.deskpod', 'repository', 'keyrings')),
      (target) => isFilled(join(target, '.deskpod', 'repository', 'packs')),
      (target) => isFilled(join(target, '.deskpod', 'log')),
      (target) => () => existsSync(join(target, 'large')),
      (target) => isFilled(join(target, '.deskpod', 'repository', 'tmp')),
      (target) => () => existsSync(join(target, '.deskpod', 'deskpod.pod')),
      () => changes(homeHead),
    ];
    for (const [index, moment] of moments.entries()) {
      const target = join(lab.temp, `back-${index}`);
      await killAt(lab.program.start(lab.restoreTo(`back-${index}`)), moment(target));
      if (existsSync(join(target, '.deskpod', 'deskpod.pod'))) {
        await lab.program.failure('TARGET_NOT_EMPTY', lab.restoreTo(`back-${index}`));
      } else await lab.program.answer(lab.restoreTo(`back-${index}`));
      await assertSameFiles(target, lab.dir);
    }
    await lab.program.answer(['sync', '-d', join(lab.temp, `back-${moments.length - 1}`)]);
  });

  it('create leaves no pod, and the folder can become one', async () => {
    const dir = join(lab.temp, 'new');
    await mkdir(dir);
    await writeFile(join(dir, 'mine'), 'mine');
    const made = join(dir, '.deskpod');
    for (const moment of [
      isFilled(join(made, 'repository', 'keyrings')),
      () => (statSync(join(made, 'log', '000000000001.log'), { throwIfNoEntry: false })?.size ?? 0) > 0,
    ]) {
      await killAt(lab.program.start(['create', '--tree', dir]), moment);
      if (existsSync(join(made, 'deskpod.pod'))) return;
      await lab.program.failure('POD_NOT_FOUND', ['status', '-d', dir]);
    }
    await lab.program.answer(['create', '--tree', dir]);
    await lab.program.answer(['checkpoint', '-d', dir]);
    assert.equal(readFileSync(join(dir, 'mine'), 'utf8'), 'mine');
  });
});

/** Kills the command itself when `moment` has come; false if it ended before. */
async function killAt(running: Running, moment: Moment): Promise<boolean> {
  let how: Awaited<Running['ended']> | undefined;
  const ended = running.ended.then((end) => {
    how = end;
  });
  while (how === undefined && !moment()) await delay(1);
  running.kill();
  await ended;
  return how?.signal === 'SIGKILL';
}

/** Kills the nth rsync that the command starts, unless it ends with fewer. */
async function killRsync(running: Running, nth: number): Promise<void> {
  let hasEnded = false;
  void running.ended.then(() => {
    hasEnded = true;
  });
  const seen = new Set<number>();
  while (!hasEnded) {
    for (const pid of childrenOf(running.pid)) if (isRsync(pid)) seen.add(pid);
    const pid = [...seen][nth - 1];
    if (pid === undefined) {
      await delay(1);
      continue;
    }
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
    }
    return;
  }
}

function childrenOf(pid: number): number[] {
  return readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function isRsync(pid: number): boolean {
  return readOrEmpty(`/proc/${pid}/comm`).trim() === 'rsync';
}

function isWrittenTo(home: string): boolean {
  return namesIn('/proc').some(
    (pid) => /^\d+$/.test(pid) && isRsync(Number(pid)) && readOrEmpty(`/proc/${pid}/cmdline`).includes(home),
  );
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/** A home as it is now restores to what was sealed in the checkpoint that it says it has. */
async function assertWhole(lab: TreeLab, name: string): Promise<void> {
  const from = await copyOfHome(lab, name);
  await lab.restoreHere(`of-${name}`, { from });
}

async function copyOfHome(lab: TreeLab, name: string): Promise<string> {
  const copy = join(lab.temp, name);
  // The rsync of a command that was killed may live a moment longer; a copy made meanwhile is of no one moment.
  while (isWrittenTo(lab.home)) await delay(1);
  await cp(lab.home, copy, { recursive: true });
  return copy;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

function isFilled(dir: string, name = /./): Moment {
  return () => namesIn(dir).some((each) => name.test(each));
}

function grows(dir: string): Moment {
  const before = namesIn(dir).length;
  return () => namesIn(dir).length > before;
}

function changes(path: string): Moment {
  const look = (): string => {
    const { ino, size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
    return `${ino} ${size} ${mtimeMs}`;
  };
  const before = look();
  return () => look() !== before;
}
