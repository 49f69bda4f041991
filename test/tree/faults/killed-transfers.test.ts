// A first backup that is killed again and again: what it had stored or sent counts, but for 16 MiB at most each time.
import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { IS_EXHAUSTIVE } from '../../exhaustive.ts';
import { noise } from '../../sync/retention/prune-lab.ts';
import type { Running } from '../program.ts';
import { openTreeLab, type TreeLab } from '../tree-lab.ts';
import { leftovers } from './whole.ts';

const MIB = 1024 * 1024;
/** What a kill may cost. */
const TWICE_MAX_BYTES = 16 * MIB;
const FILE_BYTES = 12 * MIB;
/** Several hundred megabytes when thoroughness is asked for. */
const FILE_COUNT = IS_EXHAUSTIVE ? 40 : 6;
/** So many packs are there when it is killed: some time before the last, as it must not end by itself. */
const KILLED_AT = IS_EXHAUSTIVE ? [1, 3, 8, 20, 35] : [1, 2, 4];

describe('a first backup', function () {
  this.timeout(IS_EXHAUSTIVE ? 1_800_000 : 120_000);
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
    for (let i = 0; i < FILE_COUNT; i++)
      await writeFile(join(lab.dir, `large ${i}`), noise(FILE_BYTES, `large ${i}`));
  });
  afterEach(async () => {
    await lab.close();
  });

  it('stores at most 16 MiB again after each kill', async () => {
    const repository = join(lab.dir, '.deskpod', 'repository');
    // what a kill at any moment before the one that comes would have taken, as far as it is seen: a pack is written in no time
    let inVain = 0;
    for (const count of KILLED_AT) {
      await killedWhen(lab.program.start(['checkpoint', ...lab.at]), () => {
        inVain = Math.max(inVain, bytesBelow(join(repository, 'tmp')));
        return packsIn(repository).count >= count;
      });
    }
    assert.ok(lstatSync(join(repository, 'tmp')).isDirectory());
    assert.ok(inVain <= TWICE_MAX_BYTES, `${inVain} bytes were stored in vain`);
    const before = packsIn(repository).bytes;
    const { storedBytes } = await lab.program.answer<{ storedBytes: number }>(['checkpoint', ...lab.at]);
    const dataBytes = FILE_COUNT * FILE_BYTES;
    assert.ok(before > FILE_BYTES);
    // all packs that were there are named by this checkpoint, and none holds what another has
    assert.equal(packsIn(repository).bytes, storedBytes);
    assert.ok(storedBytes < dataBytes + MIB, `${storedBytes} bytes for ${dataBytes}`);
  });

  for (const whom of ['it with all that it started', 'it alone'])
    it(`sends at most 16 MiB again after each kill of ${whom}`, async () => {
      await lab.checkpoint();
      await lab.program.answer(['home', 'add', lab.home, ...lab.at]);
      const atHome = join(lab.home, 'pods', lab.podId);
      const total = packsIn(join(lab.dir, '.deskpod', 'repository')).bytes;
      for (const count of KILLED_AT) {
        const sync = lab.program.start(['sync', '--bwlimit', '30M', ...lab.at]);
        await killedWhen(sync, () => packsIn(atHome).count >= count, whom !== 'it alone');
      }
      await lastRsync(lab.home);
      const { bytes } = packsIn(atHome);
      const { homes } = await lab.program.answer<{ homes: { wireBytes: number }[] }>(['sync', ...lab.at]);
      const again = bytes + (homes[0]?.wireBytes ?? 0) - total;
      assert.ok(again <= TWICE_MAX_BYTES, `${again} bytes were sent twice`);
      assert.equal(packsIn(atHome).bytes, total);
      assert.deepEqual(leftovers(lab.home), []);
    });
});

/** Kills a command once `isTime`; it must not have ended by itself. */
async function killedWhen(running: Running, isTime: () => boolean, isGroup = true): Promise<void> {
  let hasEnded = false;
  const ended = running.ended.finally(() => {
    hasEnded = true;
  });
  while (!hasEnded && !isTime()) await delay(1);
  if (isGroup) process.kill(-running.pid, 'SIGKILL');
  else running.kill();
  const { signal, stderr } = await ended;
  assert.equal(signal, 'SIGKILL', `it had ended before: ${stderr}`);
}

/** An rsync whose deskpod was killed ends at its next line of progress. */
async function lastRsync(home: string): Promise<void> {
  const isWriting = (pid: string): boolean => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return words.startsWith('rsync') && words.includes(home);
    } catch {
      return false; // it has ended
    }
  };
  while (readdirSync('/proc').some((name) => /^\d+$/.test(name) && isWriting(name))) await delay(10);
}

function packsIn(repository: string): { readonly count: number; readonly bytes: number } {
  const sizes = filesBelow(join(repository, 'packs'))
    .filter((path) => /\/packs\/[0-9a-f]{2}\/[0-9a-f]{64}\.age$/.test(path))
    .map(sizeOf);
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function bytesBelow(dir: string): number {
  return filesBelow(dir).reduce((sum, path) => sum + sizeOf(path), 0);
}

function filesBelow(dir: string): string[] {
  if (lstatSync(dir, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name));
}

function sizeOf(path: string): number {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true ? stats.size : 0;
}
