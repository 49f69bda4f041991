// Content: written, found again, read back, and proven.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { toHex } from '../../src/core/bytes.ts';
import { decodePack, PACK_TARGET_BYTES } from '../../src/core/pack.ts';
import { addRecoverySlot, createKeyring } from '../../src/sync/keyring/keyring-file.ts';
import { run } from '../../src/sync/process.ts';
import { type ChunkIndex, LevelChunkIndex, MemoryChunkIndex } from '../../src/sync/repository/chunk-index.ts';
import { Content } from '../../src/sync/repository/content.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';

type Kept = Awaited<ReturnType<typeof addRecoverySlot>>;

/** Bytes that do not compress, the same for the same seed. */
function noise(length: number, seed: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(String(seed)).digest();
}

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

describe('content', () => {
  const folder = scratchFolder();
  let kept: Kept;
  let repository: Repository;
  let index: ChunkIndex;
  let content: Content;

  before(async () => {
    const made = await createKeyring({ label: 'p', createdAtMs: 1, passphrase: 'x', workFactor: 4 });
    kept = await addRecoverySlot(made, { label: 'r', createdAtMs: 1 });
  });

  beforeEach(async () => {
    repository = await Repository.create(join(folder(), 'repository'));
    index = new MemoryChunkIndex();
    content = await Content.open(repository, index, kept.secrets);
  });

  afterEach(() => content.close());

  it('reads back what was written, of any length and in any pieces', async () => {
    for (const length of [0, 1, 100_000, 5_000_000]) {
      const bytes = noise(length, length);
      const pieces = [
        bytes.subarray(0, length / 3),
        bytes.subarray(length / 3, length / 2),
        bytes.subarray(length / 2),
      ];
      const root = await content.writeStream(pieces, 'data');
      await content.flush();
      assert.equal(root.sizeBytes, length);
      assert.deepEqual(await readAll(content.readRoot(root)), bytes);
    }
  });

  it('puts the ids of a long string in chunks of their own', async () => {
    const bytes = noise(60_000_000, 1);
    const root = await content.writeStream([bytes], 'images');
    await content.flush();
    assert.ok(root.depth >= 1);
    assert.equal(
      toHex(
        createHash('sha256')
          .update(await readAll(content.readRoot(root)))
          .digest(),
      ),
      toHex(createHash('sha256').update(bytes).digest()),
    );
  });

  it('stores nothing twice', async () => {
    const bytes = noise(3_000_000, 2);
    const first = await content.writeChunks([bytes], 'data');
    const again = await content.writeChunks([bytes], 'data');
    assert.equal(first.newBytes, bytes.length);
    assert.equal(again.newBytes, 0);
    assert.deepEqual(again.chunkIds, first.chunkIds);
    assert.equal((await content.flush()).length, 1);
    assert.equal((await content.writeChunks([bytes], 'data')).newBytes, 0);
    assert.deepEqual(await content.flush(), []);
  });

  it('compresses what gets smaller by it', async () => {
    await content.writeChunks([new Uint8Array(4_000_000)], 'data');
    const [pack] = await content.flush();
    assert.ok(pack !== undefined && pack.sizeBytes < 10_000);
  });

  it('fills several packs, each near the size that was asked for', async () => {
    const { chunkIds } = await content.writeChunks([noise(50_000_000, 3)], 'data');
    const packs = await content.flush();
    // a batch that would fill a second one makes it longer; what is left at the end is in as many more as there are threads
    const longest = 2 * PACK_TARGET_BYTES;
    const least = packs.filter(({ sizeBytes }) => sizeBytes < PACK_TARGET_BYTES);
    assert.ok(packs.length > 50_000_000 / longest && least.length <= 4, `${packs.length}, ${least.length}`);
    for (const pack of packs) assert.ok(pack.sizeBytes < longest, `${pack.sizeBytes}`);
    assert.deepEqual(await readAll(content.readChunks(chunkIds)), noise(50_000_000, 3));
  });

  it('finds everything again with a new index', async () => {
    const bytes = noise(2_000_000, 4);
    const root = await content.writeStream([bytes], 'data');
    await content.flush();
    const dir = join(folder(), 'chunks');
    for (const damage of ['none', 'deleted', 'corrupt']) {
      if (damage === 'deleted') await rm(dir, { recursive: true });
      if (damage === 'corrupt') await writeFile(join(dir, 'CURRENT'), 'nonsense');
      const level = await LevelChunkIndex.open(dir);
      const again = await Content.open(repository, level, kept.secrets);
      assert.deepEqual(await readAll(again.readRoot(root)), bytes, damage);
      await again.close();
      await level.close();
    }
  });

  it('reads the packs again when the index is wrong', async () => {
    const { chunkIds } = await content.writeChunks([noise(1000, 5)], 'data');
    const [pack] = await content.flush();
    const [id] = chunkIds;
    assert.ok(pack && id);
    await index.addPack(pack.name, [{ id, offset: 3, storedLength: 20, plainLength: 20, codec: 'raw' }]);
    assert.deepEqual(Buffer.from(await content.readChunk(id)), noise(1000, 5));
    await index.clear();
    assert.deepEqual(Buffer.from(await content.readChunk(id)), noise(1000, 5));
  });

  it('learns of packs that came and packs that went', async () => {
    const { chunkIds } = await content.writeChunks([noise(1000, 6)], 'data');
    const [pack] = await content.flush();
    const [id] = chunkIds;
    assert.ok(pack && id);
    const other = new MemoryChunkIndex();
    await (await Content.open(repository, other, kept.secrets)).close();
    assert.equal(other.locate(id)?.pack, pack.name);
    await rm(repository.objectPath('packs', pack.name));
    const reopened = await Content.open(repository, other, kept.secrets);
    assert.equal(reopened.hasChunk(id), false);
    await expectCode('CHUNK_MISSING', () => reopened.readChunk(id));
    await reopened.close();
  });

  it('names a pack whose bytes changed', async () => {
    const { chunkIds } = await content.writeChunks([noise(300_000, 7)], 'data');
    const [pack] = await content.flush();
    const [id] = chunkIds;
    assert.ok(pack && id);
    const file = await open(repository.objectPath('packs', pack.name), 'r+');
    await file.write(Uint8Array.of(1, 2, 3), 0, 3, 1000);
    await file.close();
    const error = await expectCode('OBJECT_DAMAGED', () => content.readChunk(id));
    assert.equal(error.details.name, pack.name);
  });

  it('goes on without a pack that can not be read, names it, and stores its chunks again', async () => {
    const { chunkIds } = await content.writeChunks([noise(300_000, 7)], 'data');
    const [pack] = await content.flush();
    const [id] = chunkIds;
    assert.ok(pack && id);
    await truncate(repository.objectPath('packs', pack.name), 1000);
    const again = await Content.open(repository, new MemoryChunkIndex(), kept.secrets);
    assert.deepEqual(again.damagedPacks, [pack.name]);
    await expectCode('CHUNK_MISSING', () => again.readChunk(id));
    assert.equal((await again.writeChunks([noise(300_000, 7)], 'data')).newBytes, 300_000);
    await again.flush();
    assert.deepEqual(await readAll(again.readChunks(chunkIds)), noise(300_000, 7));
    await again.close();
  });

  it('refuses a chunk that does not bear out its id', async () => {
    const { chunkIds } = await content.writeChunks([noise(1000, 8)], 'data');
    await content.flush();
    const forger = { ...kept.secrets, chunkIdKey: new Uint8Array(32) };
    const other = await Content.open(repository, new MemoryChunkIndex(), forger);
    const [id] = chunkIds;
    assert.ok(id);
    await expectCode('CHUNK_DAMAGED', () => other.readChunk(id));
    await other.close();
  });

  it('opens with the age program alone, from the recovery key to the bytes of a chunk', async () => {
    const text = Buffer.from('the text that must survive '.repeat(1000));
    const { chunkIds } = await content.writeChunks([text], 'data');
    const [pack] = await content.flush();
    const [slot] = kept.keyring.slots.filter(({ kind }) => kind === 'recovery');
    assert.ok(pack && slot);
    const at = (name: string) => join(folder(), name);
    await writeFile(at('recovery-key'), kept.recoveryKey);
    await writeFile(at('slot.age'), slot.sealed);
    const { stdout } = await run('age', ['-d', '-i', at('recovery-key'), at('slot.age')]);
    await writeFile(at('identity'), (JSON.parse(stdout) as { identity: string }).identity);
    await run('age', [
      '-d',
      '-i',
      at('identity'),
      '-o',
      at('pack'),
      repository.objectPath('packs', pack.name),
    ]);
    const plaintext = await readFile(at('pack'));
    const [entry] = decodePack(plaintext);
    assert.ok(entry);
    assert.deepEqual([new Uint8Array(entry.id)], chunkIds);
    const stored = plaintext.subarray(entry.offset, entry.offset + entry.storedLength);
    assert.deepEqual(entry.codec === 'zstd' ? zstdDecompressSync(stored) : stored, text);
  });

  it('reads and writes side by side', async () => {
    const strings = Array.from({ length: 60 }, (_, i) => noise(1 + i * 7919, i));
    const written = await Promise.all(
      strings.map((bytes) => content.writeStream([bytes], bytes.length % 2 === 0 ? 'data' : 'images')),
    );
    await content.flush();
    const read = await Promise.all(written.map((root) => readAll(content.readRoot(root))));
    assert.deepEqual(read, strings);
  });

  it('refuses a root of another depth or length', async () => {
    const root = await content.writeStream([noise(1000, 9)], 'data');
    await content.flush();
    await expectCode('MANIFEST_DAMAGED', () => readAll(content.readRoot({ ...root, sizeBytes: 999 })));
    await expectCode('MANIFEST_DAMAGED', () => readAll(content.readRoot({ ...root, depth: 99 })));
    await expectCode('CHUNK_MISSING', () => readAll(content.readRoot({ ...root, depth: 1 })));
  });
});
