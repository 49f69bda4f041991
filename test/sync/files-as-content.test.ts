// Files that the crew reads: the same chunks as of the same bytes, and none of a file that is not what it must be.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  lstatSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { toHex } from '../../src/core/bytes.ts';
import { STRETCH_BYTES } from '../../src/core/chunker.ts';
import { examine } from '../../src/sync/files/scanner.ts';
import { createKeyring } from '../../src/sync/keyring/keyring-file.ts';
import { makeFifo } from '../../src/sync/posix/nodes.ts';
import { MemoryChunkIndex } from '../../src/sync/repository/chunk-index.ts';
import { Content } from '../../src/sync/repository/content.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import type { FileSource } from '../../src/sync/workers/messages.ts';
import { scratchFolder } from './scratch.ts';

const LENGTHS = [
  ...[1, 100, 131_072, 131_073, 1_048_575, 1_048_576, 1_048_577, 2_097_152, 9_000_000],
  ...[STRETCH_BYTES, STRETCH_BYTES + 1, 2 * STRETCH_BYTES + 3_000_000],
];

function noise(length: number, seed: string): Buffer {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

describe('a file that the crew reads', () => {
  const folder = scratchFolder();
  let content: Content;
  const secretsOf = createKeyring({ label: 'p', createdAtMs: 1, passphrase: 'x', workFactor: 4 });

  beforeEach(async () => {
    const { secrets } = await secretsOf;
    content = await Content.open(
      await Repository.create(join(folder(), 'repository')),
      new MemoryChunkIndex(),
      secrets,
    );
  });
  afterEach(() => content.close());

  function sourceOf(name: string): FileSource {
    const scanned = examine(Buffer.from(folder()), Buffer.from(name));
    assert.ok(scanned !== undefined);
    const { stamp, sizeBytes } = scanned.inode;
    return { place: Buffer.from(join(folder(), name)), stamp, sizeBytes };
  }

  it('gives the chunks that its bytes give, whatever its length, many at a time', async () => {
    for (const length of LENGTHS) writeFileSync(join(folder(), `f${length}`), noise(length, `${length}`));
    const written = await Promise.all(
      LENGTHS.map((length) => content.writeFile(sourceOf(`f${length}`), 'data')),
    );
    for (const [i, length] of LENGTHS.entries()) {
      const bytes = noise(length, `${length}`);
      const again = await content.writeChunks([bytes], 'data');
      assert.equal(written[i]?.sizeBytes, length);
      assert.deepEqual(written[i]?.chunkIds.map(toHex), again.chunkIds.map(toHex));
      assert.equal(again.newBytes, 0);
    }
    await content.flush();
    for (const [i, length] of LENGTHS.entries()) {
      const parts: Uint8Array[] = [];
      for await (const chunk of content.readChunks(written[i]?.chunkIds ?? [])) parts.push(chunk);
      assert.ok(Buffer.concat(parts).equals(noise(length, `${length}`)), `${length} bytes`);
    }
  });

  it('is read alike by threads: more than one keeps to itself, all at once', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `many-${i}`);
    for (const [i, name] of names.entries()) writeFileSync(join(folder(), name), noise(i * 77_777 + 1, name));
    const written = await Promise.all(names.map((name) => content.writeFile(sourceOf(name), 'data')));
    await content.flush();
    for (const [i, name] of names.entries()) {
      const parts: Uint8Array[] = [];
      for await (const chunk of content.readChunks(written[i]?.chunkIds ?? [])) parts.push(chunk);
      assert.ok(Buffer.concat(parts).equals(noise(i * 77_777 + 1, name)), name);
    }
  });

  it('is read though threads are busy with what others have them read', async () => {
    // enough that threads run, and do even little
    const ids: Uint8Array[] = [];
    for (let i = 0; i < 6; i++) {
      writeFileSync(join(folder(), `${i}`), noise(900_000, `${i}`));
      ids.push(...((await content.writeFile(sourceOf(`${i}`), 'data'))?.chunkIds ?? []));
    }
    await content.flush();
    // the packs are open from now on
    await Promise.all(ids.map((id) => content.readChunk(id)));
    for (const [name, length] of [
      ['small', 400_000],
      ['long', 2_500_000],
    ] as const) {
      writeFileSync(join(folder(), name), noise(length, name));
      const chunks = [...ids, ...ids, ...ids].map((id) => content.readChunk(id));
      // when the file comes, every thread has more to do than it would be given
      await setImmediate();
      const written = await content.writeFile(sourceOf(name), 'data');
      assert.equal(written?.sizeBytes, length);
      await Promise.all(chunks);
    }
  });

  for (const length of [1000, 3_000_000, STRETCH_BYTES + 3_000_000]) {
    describe(`of ${length} bytes`, () => {
      let source: FileSource;
      let path: string;
      beforeEach(() => {
        path = join(folder(), 'file');
        writeFileSync(path, noise(length, 'it'));
        source = sourceOf('file');
      });

      const changes: readonly (readonly [string, () => void])[] = [
        ['is gone', () => rmSync(path)],
        ['has grown', () => appendFileSync(path, 'more')],
        ['has become shorter', () => truncateSync(path, 10)],
        ['has other bytes', () => writeFileSync(path, noise(length, 'other'))],
        [
          'is another inode with the same bytes and times',
          () => {
            const { atime, mtime } = lstatSync(path);
            writeFileSync(`${path}-`, noise(length, 'it'));
            utimesSync(`${path}-`, atime, mtime);
            renameSync(`${path}-`, path);
          },
        ],
        [
          'is a symlink to what it was',
          () => {
            renameSync(path, `${path}-`);
            symlinkSync(`${path}-`, path);
          },
        ],
        [
          'is a fifo that nobody writes to',
          () => {
            rmSync(path);
            makeFifo(path, 0o600);
          },
        ],
      ];
      for (const [what, change] of changes) {
        it(`is not taken if it ${what}, and what comes after it is`, async () => {
          change();
          writeFileSync(join(folder(), 'next'), noise(200_000, 'next'));
          const [lost, next] = await Promise.all([
            content.writeFile(source, 'data'),
            content.writeFile(sourceOf('next'), 'data'),
          ]);
          assert.equal(lost, undefined);
          assert.equal(next?.sizeBytes, 200_000);
          await content.flush();
        });
      }
    });
  }
});
