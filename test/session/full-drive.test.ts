// A drive that is full: a tmpfs of one mebibyte, which needs root.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../src/core/bytes.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { createKeyring } from '../../src/sync/keyring/keyring-file.ts';
import { Log } from '../../src/sync/log/log.ts';
import { run } from '../../src/sync/process.ts';
import { MemoryChunkIndex } from '../../src/sync/repository/chunk-index.ts';
import { Content } from '../../src/sync/repository/content.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { expectCode } from '../sync/expect-code.ts';

const KEY = { hashing, logKey: new Uint8Array(32) };

describe('a full drive', () => {
  let drive: string;

  beforeEach(async () => {
    drive = await mkdtemp(join(tmpdir(), 'deskpod-full-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'tmpfs', drive]);
  });

  afterEach(async () => {
    await run('umount', [drive]);
    await rm(drive, { recursive: true });
  });

  async function fill(): Promise<string> {
    const path = join(drive, 'filling');
    const full = new Promise<void>((resolve) => {
      writeFile(path, Buffer.alloc(2 * 1024 * 1024)).then(
        () => assert.fail('expected the drive to be full'),
        () => resolve(),
      );
    });
    await full;
    return path;
  }

  it('refuses an append, keeps the log whole, and takes the next one when there is space', async () => {
    const log = await Log.create(join(drive, 'log'), KEY);
    try {
      await log.append([utf8('a')], { expectedSeq: 0, atMs: 1 });
      const filling = await fill();
      const large = utf8('x'.repeat(100_000));
      await expectCode('SPACE_EXHAUSTED', () => log.append([utf8('b'), large], { expectedSeq: 1, atMs: 1 }));
      assert.equal(log.seq, 1);
      assert.equal((await log.read()).length, 1);
      await rm(filling);
      await log.append([utf8('c')], { expectedSeq: 1, atMs: 1 });
    } finally {
      await log.close();
    }
    const again = await Log.open(join(drive, 'log'), KEY);
    assert.equal(again.seq, 2);
    assert.equal(again.tornTail, undefined);
    await again.close();
  });

  it('refuses the first append of a new file, and takes it when there is space', async () => {
    const log = await Log.create(join(drive, 'log'), { ...KEY, fileBytes: 10 });
    try {
      await log.append([utf8('a')], { expectedSeq: 0, atMs: 1 });
      const filling = await fill();
      await expectCode('SPACE_EXHAUSTED', () => log.append([utf8('b')], { expectedSeq: 1, atMs: 1 }));
      await rm(filling);
      await log.append([utf8('b')], { expectedSeq: 1, atMs: 1 });
      assert.equal((await log.read()).length, 2);
    } finally {
      await log.close();
    }
  });

  it('refuses an object and leaves nothing of it behind', async () => {
    const repository = await Repository.create(join(drive, 'repository'));
    const filling = await fill();
    await expectCode('SPACE_EXHAUSTED', () => repository.putObject('packs', randomBytes(500_000)));
    await expectCode('SPACE_EXHAUSTED', () => repository.writeHead(randomBytes(8192)));
    assert.deepEqual(await readdir(join(repository.dir, 'tmp')), []);
    await rm(filling);
    await repository.putObject('packs', randomBytes(500_000));
  });

  it('fails every write of a checkpoint until it is discarded, and then takes the next one', async () => {
    const { secrets } = await createKeyring({ label: 'p', createdAtMs: 1, passphrase: 'x', workFactor: 4 });
    await mkdir(join(drive, 'pod'));
    const repository = await Repository.create(join(drive, 'pod', 'repository'));
    const content = await Content.open(repository, new MemoryChunkIndex(), secrets);
    const filling = await fill();
    const bytes = randomBytes(400_000);
    await content.writeChunks([bytes], 'data');
    await expectCode('SPACE_EXHAUSTED', () => content.flush());
    await rm(filling);
    await expectCode('SPACE_EXHAUSTED', () => content.flush());
    content.discard();
    const { chunkIds, newBytes } = await content.writeChunks([bytes], 'data');
    assert.equal(newBytes, bytes.length);
    assert.equal((await content.flush()).length, 1);
    const read: Uint8Array[] = [];
    for await (const chunk of content.readChunks(chunkIds)) read.push(chunk);
    assert.deepEqual(Buffer.concat(read), bytes);
    await content.close();
  });
});
