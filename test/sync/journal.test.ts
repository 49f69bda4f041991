// Home's journal: it takes no more room than it may, and forgets nothing of a pod that is still asked for.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Journal } from '../../src/sync/dock/journal.ts';
import { run } from '../../src/sync/process.ts';
import { until } from '../session/until.ts';

const PROGRAM = fileURLToPath(new URL('support/journal-program.ts', import.meta.url));
const MOST_BYTES = 1024;
/** How long another process takes to have its line on the disk, in microseconds. */
const WRITING_US = 2_000_000;

describe('a journal of home', () => {
  let dir: string;
  let journal: Journal;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-journal-'));
    journal = new Journal(join(dir, 'var', 'journal.ndjson'), MOST_BYTES);
  });
  afterEach(() => rm(dir, { recursive: true }));

  /** What a pod in use says hour after hour, until pages have been turned. */
  async function fill(podId = 'a pod in use'): Promise<void> {
    for (let count = 0; count < 30; count += 1)
      await journal.add('dock.step', { path: '/dev/sda', step: 'backed-up', identity: { podId }, count });
  }
  const sizeBytes = async (): Promise<number> => {
    const names = await readdir(join(dir, 'var'));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, 'var', name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  };

  it('takes little more than twice the room of a page', async () => {
    await fill();
    await fill();
    await fill();
    assert.ok((await sizeBytes()) < 4 * MOST_BYTES);
    const entries = await journal.read();
    assert.equal(entries.at(-1)?.count, 29);
    const counts = entries.map(({ count }) => count as number).slice(-8);
    assert.deepEqual(
      counts,
      Array.from({ length: 8 }, (_, at) => 22 + at),
    );
  });

  it('keeps which pods were seen, what was said of each, and what home has done for itself', async () => {
    const identity = { podId: 'a pod in a drawer' };
    await journal.add('dock.step', {
      path: '/dev/sdb',
      step: 'failed',
      identity,
      problem: { code: 'OBJECT_DAMAGED' },
    });
    await journal.add('dock.step', { path: '/dev/sdb', step: 'safe', identity });
    await journal.add('home.upkeep', { kind: 'drill', podId: 'a', isBegun: true });
    await journal.add('home.upkeep', { kind: 'drill', podId: 'a', isDone: true, checkpoint: 7 });
    await journal.add('home.upkeep', { kind: 'drill', podId: 'b', isBegun: true });
    await journal.add('home.upkeep', { kind: 'check', isDone: true, until: 'packs/ff' });
    const before = await journal.read();
    await fill();
    await fill();
    await fill();
    assert.deepEqual((await journal.read()).slice(0, before.length), before);
  });

  it('forgets what never said which pod it was, and former words of what said more since', async () => {
    const identity = { podId: 'a pod' };
    await journal.add('dock.step', { path: '/dev/sdc', step: 'noticed' });
    for (const count of [1, 2]) await journal.add('dock.step', { step: 'safe', identity, count });
    await fill();
    await fill();
    const entries = await journal.read();
    assert.ok(!entries.some(({ step }) => step === 'noticed'));
    assert.deepEqual(
      entries.filter(({ step }) => step === 'safe').map(({ count }) => count),
      [2],
    );
  });

  it('has all lines also if it was killed while a page was turned', async () => {
    await fill();
    const kept = `${journal.path}.kept`;
    const before = await journal.read();
    // killed before the page was given its other name: what was to be kept of the former one is there already
    await writeFile(
      kept,
      `${await readFile(kept, 'utf8')}${await readFile(`${journal.path}.former`, 'utf8')}`,
    );
    await writeFile(`${kept}.next`, 'half a li');
    const after = await journal.read();
    assert.deepEqual(new Set(after.map(({ count }) => count)), new Set(before.map(({ count }) => count)));
    await fill();
    assert.ok((await sizeBytes()) < 4 * MOST_BYTES);
  });

  it('loses no line that another process was about to add when a page was turned', async () => {
    await journal.add('dock.step', { step: 'first' });
    await rename(journal.path, `${journal.path}.former`);
    await writeFile(`${journal.path}.former`, '{"v":1,"atMs":1,"type":"added late"}\n', { flag: 'a' });
    await journal.add('dock.step', { step: 'next' });
    assert.deepEqual(
      (await journal.read()).map(({ type, step }) => step ?? type),
      ['first', 'added late', 'next'],
    );
  });

  it('turns a page once, though two processes found it full', async () => {
    const text = 'x'.repeat(MOST_BYTES - 60);
    await journal.add('first', { text });
    assert.ok((await sizeBytes()) < MOST_BYTES);
    const late = run('strace', [
      ...['--seccomp-bpf', '-f', '-o', '/dev/null', '-e', 'trace=fdatasync'],
      ...['-e', `inject=fdatasync:delay_enter=${WRITING_US}`],
      ...[process.execPath, PROGRAM, journal.path, String(MOST_BYTES), 'late'],
    ]);
    late.catch(() => undefined);
    await until(async () => (await journal.read()).some(({ type }) => type === 'late'));
    await journal.add('full', { text });
    await late;
    assert.deepEqual(
      (await journal.read()).map(({ type }) => type),
      ['first', 'late', 'full'],
    );
    await journal.add('next', {});
    assert.equal((await readFile(journal.path, 'utf8')).split('\n').length, 2);
  });
});
