// EIO and ENOSPC at points that are drawn anew in each run; DESKPOD_TEST_SEED=N, as the title says it, draws the same again.
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { filesBelow } from '../tree-lab.ts';
import { CrashLab } from './crash-lab.ts';
import { FAULT_CODES, failureUnder, type SystemFault } from './injection.ts';
import { leftovers, requireWholeHome, requireWholePod } from './whole.ts';

/** How often a thread of the command makes such calls at the most, those that Node makes for itself left out. */
type Points = readonly (readonly [calls: SystemFault['calls'], first: number, last: number])[];

const CHECKPOINT: Points = [
  [['pwrite64'], 2, 5],
  [['rename', 'renameat'], 1, 8],
  [['fsync'], 4, 14],
  [['mkdir'], 1, 12],
  [['unlink'], 1, 4],
  [['ftruncate'], 1, 2],
];
const PRUNE: Points = [
  [['pwrite64'], 2, 8],
  [['rename', 'renameat'], 1, 9],
  [['fsync'], 4, 17],
  [['mkdir'], 1, 11],
  [['unlink'], 1, 8],
  [['ftruncate'], 1, 2],
];
/** rsync and its receiver count by themselves. */
const SYNC: Points = [
  [['pwrite64'], 2, 4],
  [['rename', 'renameat'], 1, 9],
  [['fsync', 'syncfs'], 4, 11],
  [['mkdir', 'mkdirat'], 1, 14],
  [['unlink', 'unlinkat'], 1, 10],
  [['ftruncate', 'utimensat', 'fchmod', 'chmod'], 1, 9],
];
const RESTORE: Points = [
  [['pwrite64'], 2, 13],
  [['rename', 'renameat'], 1, 19],
  [['fsync', 'syncfs'], 4, 55],
  [['mkdir', 'mkdirat'], 1, 45],
  [['unlink', 'unlinkat'], 1, 30],
  [['ftruncate', 'utimensat', 'fchmod', 'chmod'], 1, 20],
];

const SEED = Number(process.env.DESKPOD_TEST_SEED ?? Date.now() % 1_000_000_007);

describe('a drive that fails or is full at any point', () => {
  it(`loses nothing of a checkpoint, sync, prune or restore, which go on afterwards (DESKPOD_TEST_SEED=${SEED})`, async () => {
    const lab = await CrashLab.open();
    try {
      await tryAll(lab, drawing(SEED));
    } finally {
      await lab.close();
    }
  });
});

/** Each command once with a fault, and once more without: what it was to do is done then. */
async function tryAll(lab: CrashLab, draw: (points: Points) => SystemFault): Promise<void> {
  const { dir, home, podId, at, program, temp } = lab.tree;
  const failureOf = async (fault: SystemFault, args: readonly string[]): Promise<boolean> => {
    const failure = await failureUnder(fault, program, args);
    const said = JSON.stringify({ args, fault, failure });
    assert.ok(failure === undefined || FAULT_CODES.includes(failure.code as ErrorCode), said);
    return failure !== undefined;
  };
  await lab.checkpoint();
  await lab.change('large', 300_000 + lab.sealed.size);
  const next = lab.sealed.size + 1;
  lab.sealed.set(next, await filesBelow(dir));
  const hasFailed = await failureOf(draw(CHECKPOINT), ['checkpoint', ...at]);
  const { checkpoints, homes } = await requireWholePod(dir, lab.sealed);
  assert.ok(hasFailed || checkpoints.at(-1)?.number === next);
  if (checkpoints.at(-1)?.number !== next) lab.sealed.delete(next);
  await lab.checkpoint();

  if (homes.length === 0) await program.answer(['home', 'add', home, ...at]);
  else await lab.tree.sync();
  await failureOf(draw(SYNC), ['sync', ...at]);
  await requireWholeHome(home, podId, lab.sealed);
  await lab.tree.sync();

  await lab.change(`kept ${lab.sealed.size}`, 20_000);
  const last = await lab.checkpoint();
  await failureOf(draw(PRUNE), ['prune', '--keep-last', '1', '--max-unused', '0', ...at]);
  assert.equal((await requireWholePod(dir, lab.sealed)).checkpoints.at(-1)?.number, last);
  await lab.prune();
  await lab.tree.sync();

  // of a copy: home itself is to stay that of the device
  const [copy, back] = [join(temp, 'copy'), join(temp, 'back')];
  cpSync(home, copy, { recursive: true });
  const hasFailedToRestore = await failureOf(draw(RESTORE), ['restore', '--from', copy, '--to', back]);
  assert.ok(await requireWholeHome(copy, podId, lab.sealed));
  if (hasFailedToRestore) await lab.tree.restoreHere('back', { from: copy });
  assert.deepEqual(await filesBelow(back), lab.sealed.get(last));
  for (const place of [copy, back]) rmSync(place, { recursive: true });
  assert.deepEqual([...leftovers(lab.podDir), ...leftovers(home)], []);
}

/** Points by a seed: mulberry32, which is short and good enough to choose by. */
function drawing(seed: number): (points: Points) => SystemFault {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
  return (points) => {
    const error = below(2) === 0 ? 'EIO' : 'ENOSPC';
    const all = points.flatMap(([calls, first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => ({ calls, error, nth: first + i }) as const),
    );
    const drawn = all[below(all.length)];
    assert.ok(drawn !== undefined);
    return drawn;
  };
}
