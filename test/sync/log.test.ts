// The append-only log.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFile, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { utf8 } from '../../src/core/bytes.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { Log } from '../../src/sync/log/log.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';

const options = { hashing, logKey: new Uint8Array(32).fill(3) };
const FIRST = '000000000001.log';
const WRITER = new URL('./log-writer.ts', import.meta.url).pathname;

async function textsOf(log: Log, fromSeq?: number): Promise<string[]> {
  return (await log.read(fromSeq)).map(({ payload }) => Buffer.from(payload).toString());
}

async function append(log: Log, ...texts: string[]): Promise<void> {
  await log.append(texts.map(utf8), { expectedSeq: log.seq, atMs: 5 });
}

describe('a log', () => {
  const folder = scratchFolder();
  const logs: Log[] = [];
  let dir: string;

  async function opened(from = dir, more: { fileBytes?: number } = {}): Promise<Log> {
    const log = await Log.open(from, { ...options, ...more });
    logs.push(log);
    return log;
  }

  async function created(more: { fileBytes?: number } = {}): Promise<Log> {
    const log = await Log.create(dir, { ...options, ...more });
    logs.push(log);
    return log;
  }

  beforeEach(() => {
    dir = join(folder(), 'log');
  });

  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close();
  });

  it('keeps what was appended, in order, over closing and opening', async () => {
    const log = await created();
    assert.equal(log.seq, 0);
    const records = await log.append([utf8('a'), utf8('b')], { expectedSeq: 0, atMs: 77 });
    assert.deepEqual(
      records.map(({ seq, atMs, remaining }) => [seq, atMs, remaining]),
      [
        [1, 77, 1],
        [2, 77, 0],
      ],
    );
    await append(log, 'c');
    assert.deepEqual(await textsOf(log), ['a', 'b', 'c']);
    await log.close();
    const again = await opened();
    assert.equal(again.seq, 3);
    assert.equal(again.tornTail, undefined);
    assert.deepEqual(again.headHash, log.headHash);
    assert.deepEqual(await textsOf(again, 2), ['b', 'c']);
    assert.equal((await again.read(2, 2)).length, 1);
    await append(again, 'd');
    assert.deepEqual(await textsOf(again), ['a', 'b', 'c', 'd']);
  });

  it('goes on in a new file when one is full', async () => {
    const log = await created({ fileBytes: 300 });
    for (let i = 1; i <= 10; i++) await append(log, `event ${i} ${'x'.repeat(60)}`);
    const files = await readdir(dir);
    assert.ok(files.length > 2, `${files}`);
    await log.close();
    const again = await opened(dir, { fileBytes: 300 });
    assert.equal(again.seq, 10);
    assert.equal((await again.read(9)).length, 2);
    await append(again, 'more');
    assert.equal((await again.read()).length, 11);
  });

  it('refuses to append to what the caller has not seen', async () => {
    const log = await created();
    await append(log, 'a');
    const error = await expectCode('LOG_CONFLICT', () =>
      log.append([utf8('b')], { expectedSeq: 0, atMs: 1 }),
    );
    assert.deepEqual(error.details, { expectedSeq: 0, actualSeq: 1 });
    const both = await Promise.allSettled(
      ['c', 'd'].map((text) => log.append([utf8(text)], { expectedSeq: 1, atMs: 1 })),
    );
    assert.deepEqual(
      both.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.deepEqual(await textsOf(log), ['a', 'c']);
  });

  it('is made once', async () => {
    const log = await created();
    await append(log, 'a');
    await expectCode('POD_EXISTS', () => Log.create(dir, options));
    await expectCode('LOG_DAMAGED', () => Log.open(join(folder(), 'nothing'), options));
  });

  it('cuts a torn tail at every byte and goes on after it', async () => {
    const log = await created();
    await append(log, 'first');
    const wholeLength = (await stat(join(dir, FIRST))).size;
    await append(log, 'second', 'third');
    await log.close();
    const bytes = await readFile(join(dir, FIRST));
    for (let length = wholeLength; length < bytes.length; length++) {
      await writeFile(join(dir, FIRST), bytes.subarray(0, length));
      const torn = await opened();
      assert.equal(torn.seq, 1, `at ${length}`);
      const expected = { file: join(dir, FIRST), offset: wholeLength, cutBytes: length - wholeLength };
      assert.deepEqual(torn.tornTail, length === wholeLength ? undefined : expected);
      assert.equal((await stat(join(dir, FIRST))).size, wholeLength);
      await append(torn, 'after');
      assert.deepEqual(await textsOf(torn), ['first', 'after']);
      await torn.close();
    }
  });

  it('cuts a tail whose last sectors were never written', async () => {
    const log = await created();
    await append(log, 'first');
    await append(log, 'x'.repeat(2000));
    await log.close();
    const path = join(dir, FIRST);
    const bytes = await readFile(path);
    for (let from = 512; from < bytes.length; from += 512) {
      await writeFile(path, Buffer.from(bytes).fill(0, from));
      const torn = await opened();
      assert.equal(torn.seq, 1, `from ${from}`);
      await torn.close();
    }
    await writeFile(path, bytes);
    await appendFile(path, Buffer.alloc(5000));
    const zeros = await opened();
    assert.equal(zeros.seq, 2);
    assert.equal(zeros.tornTail?.cutBytes, 5000);
  });

  it('names the file and the offset of any other damage', async () => {
    const log = await created();
    await append(log, 'first');
    const secondAt = (await stat(join(dir, FIRST))).size;
    await append(log, 'second');
    await append(log, 'third');
    await log.close();
    const bytes = await readFile(join(dir, FIRST));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      await writeFile(join(dir, FIRST), changed);
      const error = await expectCode('LOG_DAMAGED', () => Log.open(dir, options));
      assert.equal(error.details.file, join(dir, FIRST));
      if (at >= secondAt && at < secondAt + 20) assert.equal(error.details.offset, secondAt);
    }
  });

  it('is damaged if a file is missing, cut short before the last, or was written under another key', async () => {
    const log = await created({ fileBytes: 50 });
    for (const text of ['a', 'b', 'c']) await append(log, text);
    await log.close();
    const [first, second] = await readdir(dir);
    assert.ok(first && second);
    await expectCode('LOG_DAMAGED', () => Log.open(dir, { ...options, logKey: new Uint8Array(32) }));
    const bytes = await readFile(join(dir, first));
    await truncate(join(dir, first), bytes.length - 1);
    await expectCode('LOG_DAMAGED', () => Log.open(dir, options));
    await writeFile(join(dir, first), bytes);
    await rm(join(dir, second));
    await expectCode('LOG_DAMAGED', () => Log.open(dir, options));
  });

  it('takes over the records of an earlier log', async () => {
    const log = await created();
    await append(log, 'a', 'b');
    await append(log, 'c');
    const copy = await Log.create(join(folder(), 'copy'), options);
    logs.push(copy);
    await copy.adopt(await log.read());
    assert.deepEqual(copy.headHash, log.headHash);
    await append(copy, 'd');
    await copy.close();
    assert.deepEqual(await textsOf(await opened(join(folder(), 'copy'))), ['a', 'b', 'c', 'd']);
    await expectCode('LOG_CONFLICT', async () => log.adopt(await log.read()));
  });

  it('keeps every acknowledged append when its writer is killed', async () => {
    await (await created()).close();
    let acknowledged = 0;
    for (let round = 0; round < 12; round++) {
      acknowledged = Math.max(acknowledged, await killedWriter(dir, 3 + round * 2));
      const log = await opened();
      assert.ok(log.seq >= acknowledged, `acknowledged ${acknowledged}, got ${log.seq}`);
      // the writer appends three at a time: all or none of them are there
      assert.equal(log.seq % 3, 0);
      assert.deepEqual(
        await textsOf(log),
        Array.from({ length: log.seq }, (_, i) => `event ${i + 1}`),
      );
      await log.close();
    }
    assert.ok(acknowledged > 0);
  });

  it('refuses more after it was closed', async () => {
    const log = await created();
    await log.close();
    await assert.rejects(() => append(log, 'a'), /closed/);
  });

  it('leaves an empty file alone that a crash left', async () => {
    const log = await created({ fileBytes: 50 });
    await append(log, 'a');
    await log.close();
    await (await open(join(dir, '000000000002.log'), 'wx')).close();
    const again = await opened(dir, { fileBytes: 50 });
    await append(again, 'b');
    assert.deepEqual(await textsOf(again), ['a', 'b']);
    await mkdir(join(dir, 'unrelated'));
    assert.equal((await again.read()).length, 2);
  });
});

/** Starts a writer and kills it after so many acknowledgements; returns the last seq that it acknowledged. */
async function killedWriter(dir: string, afterCount: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let acknowledged = 0;
  let count = 0;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      count++;
      if (count === afterCount) child.kill('SIGKILL');
    }
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  return acknowledged;
}
