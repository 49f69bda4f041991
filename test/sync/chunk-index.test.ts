// The contract of chunk indexes, kept by each of them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackEntry } from '../../src/core/pack.ts';
import { type ChunkIndex, LevelChunkIndex, MemoryChunkIndex } from '../../src/sync/repository/chunk-index.ts';
import { scratchFolder } from './scratch.ts';

const PACK_A = 'a'.repeat(64);
const PACK_B = 'b'.repeat(64);

function entry(offset: number, codec: 'raw' | 'zstd' = 'zstd'): PackEntry {
  return {
    id: new Uint8Array(randomBytes(32)),
    offset,
    storedLength: 10,
    plainLength: codec === 'raw' ? 10 : 20,
    codec,
  };
}

function keepsTheContract(open: () => Promise<ChunkIndex>): void {
  let index: ChunkIndex;
  beforeEach(async () => {
    index = await open();
  });
  afterEach(() => index.close());

  it('finds the chunks of the packs that it took in, and no others', async () => {
    const entries = [entry(5), entry(15, 'raw')];
    await index.addPack(PACK_A, entries);
    for (const { id, ...rest } of entries) assert.deepEqual(index.locate(id), { pack: PACK_A, ...rest });
    assert.equal(index.locate(new Uint8Array(32)), undefined);
    assert.deepEqual([...index.packs()], [PACK_A]);
  });

  it('forgets a pack with its chunks', async () => {
    const [a, b] = [entry(5), entry(5)];
    await index.addPack(PACK_A, [a]);
    await index.addPack(PACK_B, [b]);
    await index.removePack(PACK_A);
    assert.equal(index.locate(a.id), undefined);
    assert.equal(index.locate(b.id)?.pack, PACK_B);
    assert.deepEqual([...index.packs()], [PACK_B]);
    await index.clear();
    assert.equal(index.locate(b.id), undefined);
    assert.equal(index.packs().size, 0);
  });

  it('takes a pack in twice without harm', async () => {
    const one = entry(5);
    await index.addPack(PACK_A, [one]);
    await index.addPack(PACK_A, [one]);
    assert.equal(index.locate(one.id)?.pack, PACK_A);
  });
}

describe('a chunk index in memory', () => {
  keepsTheContract(() => Promise.resolve(new MemoryChunkIndex()));
});

describe('a chunk index in LevelDB', () => {
  const folder = scratchFolder();
  keepsTheContract(() => LevelChunkIndex.open(join(folder(), 'chunks')));

  it('knows the same after it was closed and opened', async () => {
    const dir = join(folder(), 'again');
    const one = entry(5);
    const index = await LevelChunkIndex.open(dir);
    await index.addPack(PACK_A, [one]);
    await index.close();
    const again = await LevelChunkIndex.open(dir);
    assert.equal(again.locate(one.id)?.pack, PACK_A);
    await again.close();
  });

  it('begins empty when LevelDB calls it corrupt', async () => {
    const dir = join(folder(), 'corrupt');
    const index = await LevelChunkIndex.open(dir);
    await index.addPack(PACK_A, [entry(5)]);
    await index.close();
    for (const file of await readdir(dir))
      if (file.startsWith('MANIFEST')) await truncate(join(dir, file), 7);
    await writeFile(join(dir, 'CURRENT'), 'nonsense');
    const again = await LevelChunkIndex.open(dir);
    assert.equal(again.packs().size, 0);
    await again.close();
  });

  it('is not wiped because another has it open', async () => {
    const dir = join(folder(), 'open');
    const one = entry(5);
    const index = await LevelChunkIndex.open(dir);
    await index.addPack(PACK_A, [one]);
    await assert.rejects(() => LevelChunkIndex.open(dir));
    assert.equal(index.locate(one.id)?.pack, PACK_A);
    await index.close();
    await rm(dir, { recursive: true });
  });
});
