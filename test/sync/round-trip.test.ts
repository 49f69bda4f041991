// Trees through the real repository: what many files of all lengths become, and come back as.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { restoreTree } from '../../src/sync/files/restore.ts';
import { createKeyring } from '../../src/sync/keyring/keyring-file.ts';
import { captureInto } from '../../src/sync/pod/seal-checkpoint.ts';
import { MemoryChunkIndex } from '../../src/sync/repository/chunk-index.ts';
import { Content } from '../../src/sync/repository/content.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';

/** Lengths around every threshold on the way: one chunk, one call, one buffer, one run, many of each. */
const LENGTHS = [
  0, 1, 4095, 16_384, 16_385, 131_072, 131_073, 140_000, 262_144, 262_145, 1_048_576, 1_048_577, 5_000_000,
];

function noise(length: number, seed: string): Buffer {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

describe('a tree through the repository', () => {
  const folder = scratchFolder();
  let content: Content;
  let repository: Repository;

  beforeEach(async () => {
    const { secrets } = await createKeyring({ label: 'p', createdAtMs: 1, passphrase: 'x', workFactor: 4 });
    repository = await Repository.create(join(folder(), 'repository'));
    content = await Content.open(repository, new MemoryChunkIndex(), secrets);
    await mkdir(join(folder(), 'source'));
  });

  afterEach(() => content.close());

  async function fill(): Promise<Map<string, Buffer>> {
    const files = new Map<string, Buffer>();
    for (const [i, length] of LENGTHS.entries()) {
      for (const sort of ['random', 'text']) {
        const bytes = sort === 'random' ? noise(length, `${i}`) : Buffer.alloc(length, `text ${i} `);
        files.set(`${sort}-${length}`, bytes);
      }
    }
    for (let i = 0; i < 1200; i++) files.set(`small-${i}`, noise(i * 13, `small ${i}`));
    for (const [name, bytes] of files) await writeFile(join(folder(), 'source', name), bytes);
    return files;
  }

  for (const kind of ['data', 'images'] as const) {
    it(`comes back byte by byte, as ${kind}`, async () => {
      const files = await fill();
      const { root, stats } = await captureInto(content, join(folder(), 'source'), kind, {});
      await content.flush();
      assert.equal(stats.changedWhileRead.length, 0);
      const target = join(folder(), 'target');
      await restoreTree(root, content, target);
      assert.deepEqual((await readdir(target)).sort(), [...files.keys()].sort());
      for (const [name, bytes] of files) assert.ok(bytes.equals(await readFile(join(target, name))), name);
    });
  }

  it('is stored once, however its files travel', async () => {
    await fill();
    await captureInto(content, join(folder(), 'source'), 'data', {});
    await content.flush();
    const again = await captureInto(content, join(folder(), 'source'), 'data', {});
    assert.equal(again.stats.newBytes, 0);
    assert.deepEqual(await content.flush(), []);
  });

  it('names the pack that has other bytes, also when threads read it', async () => {
    await fill();
    const { root } = await captureInto(content, join(folder(), 'source'), 'data', {});
    const packs = await content.flush();
    const largest = packs.reduce((best, pack) => (pack.sizeBytes > best.sizeBytes ? pack : best));
    const file = await open(repository.objectPath('packs', largest.name), 'r+');
    await file.write(Uint8Array.of(1, 2, 3), 0, 3, Math.floor(largest.sizeBytes / 2));
    await file.close();
    const error = await expectCode('OBJECT_DAMAGED', () =>
      restoreTree(root, content, join(folder(), 'target')),
    );
    assert.equal(error.details.name, largest.name);
  });
});
