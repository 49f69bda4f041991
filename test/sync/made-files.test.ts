// Files that threads make of one chunk each: whole, or not at all and without a trace.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { MadeFile } from '../../src/sync/files/content-reader.ts';
import { createKeyring } from '../../src/sync/keyring/keyring-file.ts';
import { MemoryChunkIndex } from '../../src/sync/repository/chunk-index.ts';
import { Content } from '../../src/sync/repository/content.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import type { NewFile } from '../../src/sync/workers/new-files.ts';
import { scratchFolder } from './scratch.ts';

/** More than one order's worth, in files of all lengths that may be made so, and one of another. */
const LENGTHS = [...Array.from({ length: 300 }, (_, i) => (i * 977) % 20_011), 131_072, 400_000];
const NOBODY = 65_534;

function noise(length: number, seed: string): Buffer {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

describe('a file that a thread makes', () => {
  const folder = scratchFolder();
  let repository: Repository;
  let content: Content;
  let target: string;
  const secretsOf = createKeyring({ label: 'p', createdAtMs: 1, passphrase: 'x', workFactor: 4 });

  beforeEach(async () => {
    const { secrets } = await secretsOf;
    repository = await Repository.create(join(folder(), 'repository'));
    content = await Content.open(repository, new MemoryChunkIndex(), secrets);
    target = join(folder(), 'target');
    mkdirSync(target, { mode: 0o700 });
  });
  afterEach(() => content.close());

  async function storedChunks(): Promise<{ id: Uint8Array; bytes: Buffer }[]> {
    const chunks: { id: Uint8Array; bytes: Buffer }[] = [];
    for (const [i, length] of LENGTHS.entries()) {
      const bytes = noise(length, `file ${i}`);
      const { chunkIds } = await content.writeChunks([bytes], 'data');
      if (chunkIds.length === 1 && chunkIds[0] !== undefined) chunks.push({ id: chunkIds[0], bytes });
    }
    await content.flush();
    return chunks;
  }

  function fileAt(name: string, facts: Partial<NewFile> = {}): NewFile {
    const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
    return { place: Buffer.from(join(target, name)), mode: 0o644, uid, gid, mtimeNs: 1n, ...facts };
  }

  function make(chunks: readonly { id: Uint8Array; bytes: Buffer }[], facts: Partial<NewFile> = {}) {
    return Promise.all(
      chunks.map(({ id, bytes }, i) => content.makeFile(id, bytes.length, fileAt(`made-${i}`, facts))),
    );
  }

  function assertAll(made: readonly (MadeFile | undefined)[], outcome: MadeFile): void {
    assert.deepEqual(new Set(made), new Set([outcome]));
  }

  it('has the content, mode, owner and time that it must have', async () => {
    const chunks = await storedChunks();
    const isRoot = process.geteuid?.() === 0;
    const owner = isRoot ? { uid: 1234, gid: 5678 } : {};
    // bits that an umask takes away, and a time before 1970
    const facts = { mode: 0o626, mtimeNs: -1_234_567_890_123_456_789n, ...owner };
    assertAll(await make(chunks, facts), 'whole');
    for (const [i, { bytes }] of chunks.entries()) {
      const place = join(target, `made-${i}`);
      assert.ok(readFileSync(place).equals(bytes), `${bytes.length} bytes`);
      const stats = lstatSync(place, { bigint: true });
      assert.equal(stats.mode & 0o7777n, 0o626n);
      assert.equal(stats.mtimeNs, facts.mtimeNs);
      if (isRoot) assert.deepEqual([stats.uid, stats.gid], [1234n, 5678n]);
    }
  });

  it('is not mixed up with the chunk of a long file that the thread writes again and again', async () => {
    const all = { a: noise(131_072, 'a'), b: noise(131_072, 'b') };
    const ids = new Map<Buffer, Uint8Array>();
    for (const bytes of Object.values(all)) {
      const [id] = (await content.writeChunks([bytes], 'data')).chunkIds;
      ids.set(bytes, id ?? new Uint8Array());
    }
    await content.flush();
    content.prepare();
    const path = join(target, 'long');
    const fd = openSync(path, 'wx');
    const order = [all.a, all.a, all.b, all.b, all.a];
    try {
      for (const [i, bytes] of order.entries()) {
        const place = { fd, position: i * bytes.length, isSparse: false, maxBytes: bytes.length };
        const placed = content.place(ids.get(bytes) ?? new Uint8Array(), place);
        assert.equal(await placed?.isPlaced, true);
        // by the same thread, which is the first that has nothing to do, and in the same memory
        const other = all.b;
        const file = fileAt(`made-${i}`);
        assert.equal(await content.makeFile(ids.get(other) ?? new Uint8Array(), other.length, file), 'whole');
        assert.ok(readFileSync(join(target, `made-${i}`)).equals(other));
      }
    } finally {
      closeSync(fd);
    }
    assert.ok(readFileSync(path).equals(Buffer.concat(order)));
  });

  it('replaces nothing, and follows no link', async () => {
    const chunks = await storedChunks();
    writeFileSync(join(target, 'made-0'), 'mine');
    symlinkSync(join(folder(), 'elsewhere'), join(target, 'made-1'));
    const made = await make(chunks);
    assert.deepEqual(made.slice(0, 2), ['nothing', 'nothing']);
    assertAll(made.slice(2), 'whole');
    assert.equal(readFileSync(join(target, 'made-0'), 'utf8'), 'mine');
    assert.ok(!readdirSync(folder()).includes('elsewhere'));
  });

  it('is not there if its chunk is damaged', async () => {
    const chunks = await storedChunks();
    for (const name of await repository.listObjects('packs')) {
      const path = repository.objectPath('packs', name);
      const { size } = statSync(path);
      truncateSync(path, 1000);
      truncateSync(path, size);
    }
    const made = await make(chunks);
    for (const [i, outcome] of made.entries())
      assert.equal(readdirSync(target).includes(`made-${i}`), outcome === 'whole');
    assert.ok(made.includes('nothing'));
  });

  it('is left to be described if this user may not give it away', async () => {
    const chunks = await storedChunks();
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) {
      chownSync(target, NOBODY, NOBODY);
      chownSync(folder(), NOBODY, NOBODY);
      process.seteuid?.(NOBODY);
    }
    try {
      assertAll(await make(chunks, { uid: 0, gid: 0 }), 'content');
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
    for (const [i, { bytes }] of chunks.entries())
      assert.ok(readFileSync(join(target, `made-${i}`)).equals(bytes));
  });

  it('is not begun for a chunk of another length, or of no pack', async () => {
    const [chunk] = await storedChunks();
    assert.ok(chunk !== undefined);
    assert.equal(content.makeFile(chunk.id, chunk.bytes.length + 1, fileAt('longer')), undefined);
    assert.equal(content.makeFile(noise(32, 'no id'), 1, fileAt('unknown')), undefined);
  });
});
