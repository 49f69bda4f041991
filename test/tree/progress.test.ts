// What a person reads while bytes travel: how much, how fast, and how long it still takes, at a terminal and in a pipe.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ProgressLine, progressLines } from './progress-lines.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

const LIMIT = 512 * 1024;
const FILE_BYTES = 3_200_000;
const HELD_BACK = ['--bwlimit', '512K'];

describe('the progress of a transfer that is held back', () => {
  let lab: TreeLab;
  let env: Readonly<Record<string, string>>;
  beforeEach(async () => {
    lab = await openTreeLab();
    env = { DESKPOD_PASSPHRASE_FILE: join(lab.temp, 'passphrase'), TMPDIR: lab.temp };
    for (const name of ['a', 'b', 'c', 'd'])
      await writeFile(join(lab.dir, name), randomBytes(FILE_BYTES / 4));
  });
  afterEach(async () => {
    await lab.close();
  });

  it('says rate and time left of a sync and of restores, which come true, at a terminal and in a log', async () => {
    const [first, second, third] = ['home', 'second', 'third'].map((name) => join(lab.temp, name));
    await lab.bringHome();
    await lab.program.answer(['home', 'add', second ?? '', ...lab.at]);
    await lab.sync();
    await lab.program.answer(['home', 'add', third ?? '', ...lab.at]);
    const restore = (from = '', to = '') => [
      'restore',
      '--from',
      from,
      '--to',
      join(lab.temp, to),
      ...HELD_BACK,
    ];
    const [synced, shown, logged] = await Promise.all([
      progressLines('terminal', ['sync', third ?? '', ...HELD_BACK, ...lab.at], env),
      progressLines('terminal', restore(first, 'back'), env),
      progressLines('pipe', restore(second, 'again'), env),
    ]);
    requireTrue(synced, `sending to ${third}`);
    requireTrue(shown, `fetching from ${first}`);
    requireTrue(logged, `fetching from ${second}`);
    const lines = logged.filter(({ text }) => text.startsWith(`fetching from ${second}`));
    assert.equal(lines[0]?.text, `fetching from ${second}`, 'a step is told when it begins');
    assert.ok(lines.length <= 5, `a log is not filled: ${lines.length} lines`);
  });

  it('says of a verify how much of all was read', async () => {
    await lab.checkpoint();
    const lines = await progressLines('terminal', ['verify', '--read-data', ...lab.at], env);
    const last = lines.findLast(({ text }) => text.startsWith('reading'));
    assert.ok(last?.totalBytes !== undefined && last.totalBytes >= FILE_BYTES, JSON.stringify(lines));
    assert.equal(last.doneBytes, last.totalBytes);
  });
});

/** Fails unless the lines of a step say a rate near the limit, and a time left after which it was done. */
function requireTrue(all: readonly ProgressLine[], step: string): void {
  const lines = all.filter(({ text }) => text.startsWith(step));
  const told = JSON.stringify(lines.map(({ text }) => text));
  const timed = lines.filter(
    (line): line is Required<ProgressLine> => line.rate !== undefined && line.leftMs !== undefined,
  );
  assert.ok(timed.length > 0, `no line of ${step} has a rate and a time left: ${told}`);
  const end = all.find(({ atMs, text }) => atMs > (lines.at(-1)?.atMs ?? 0) && !text.startsWith(step));
  const endMs = end?.atMs ?? lines.at(-1)?.atMs ?? 0;
  const startMs = lines[0]?.atMs ?? 0;
  for (const { atMs, doneBytes, totalBytes, rate, leftMs, text } of timed) {
    assert.ok(totalBytes >= FILE_BYTES && totalBytes < FILE_BYTES * 1.1, text);
    const restMs = ((totalBytes - doneBytes) / rate) * 1000;
    assert.ok(
      Math.abs(leftMs - restMs) <= 150 + restMs * 0.05,
      `${text}: at that rate it takes ${restMs} ms`,
    );
    // of the first moments a pace says little, as rsync sends in bursts
    if (atMs - startMs < 2500) continue;
    // a busy computer may be slower than what it is held back to
    const seen = (doneBytes / (atMs - startMs)) * 1000;
    assert.ok(rate > seen * 0.6 && rate < LIMIT * 1.4, `${text}: expected about ${seen} bytes a second`);
    const tookMs = endMs - atMs;
    assert.ok(
      Math.abs(tookMs - leftMs) < 2000 + Math.max(tookMs, leftMs) * 0.4,
      `${text}: it took ${Math.round(tookMs)} ms`,
    );
  }
  assert.ok(
    timed.some(({ atMs }) => atMs - startMs >= 2500),
    `expected lines after the first moments: ${told}`,
  );
}
