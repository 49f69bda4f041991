// Process images that are stored before all of them are there: what the checkpoint has is what lies there in the end.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { ImagesAhead } from '../../src/session/pod/images-ahead.ts';
import { readManifest } from '../../src/sync/browse/manifest-stream.ts';
import { captureTree } from '../../src/sync/files/capture.ts';
import type { FileSource } from '../../src/sync/workers/messages.ts';
import { scratchFolder } from '../sync/scratch.ts';
import { MemoryContent } from '../sync/support/memory-content.ts';

const LONG_BYTES = 700_000;

/** Reads whole files, and tells which. */
class ReadingContent extends MemoryContent {
  readonly read: string[] = [];

  override readFile = async ({ place }: FileSource): Promise<Uint8Array[]> => {
    const path = Buffer.from(place).toString();
    this.read.push(basename(path));
    const bytes = readFileSync(path);
    return this.writeFile(
      (async function* () {
        yield bytes;
      })(),
    );
  };
}

describe('images that are stored ahead', () => {
  const folder = scratchFolder();

  it('are those that others follow, are read once, and once more if they were not complete', async () => {
    const dir = folder();
    const write = (name: string, sizeBytes: number): void =>
      writeFileSync(join(dir, name), randomBytes(sizeBytes));
    const content = new ReadingContent();
    const ahead = new ImagesAhead(content);
    let isOver = false;
    write('pages-1.img', LONG_BYTES);
    write('pages-2.img', LONG_BYTES);
    write('pages-3.img', 1000);
    const following = ahead.follow(dir, () => isOver);
    while (content.read.length < 2) await setImmediate();
    assert.deepEqual(content.read.toSorted(), ['pages-1.img', 'pages-2.img']);
    write('pages-10.img', LONG_BYTES);
    appendFileSync(join(dir, 'pages-2.img'), 'a guess that was wrong');
    isOver = true;
    await following;

    const { root } = await captureTree(dir, ahead);
    assert.deepEqual(content.read.slice(2).toSorted(), ['pages-10.img', 'pages-2.img', 'pages-3.img']);
    const names: string[] = [];
    for await (const entries of readManifest(content, root))
      for (const { path, kind, chunkIds } of entries) {
        if (kind !== 'file') continue;
        const name = Buffer.from(path).toString();
        const stored = await Promise.all(chunkIds.map((id) => content.readChunk(id)));
        assert.ok(Buffer.concat(stored).equals(readFileSync(join(dir, name))), name);
        names.push(name);
      }
    assert.equal(names.length, 4);
  });

  it('tell of what keeps them from being stored', async () => {
    const dir = folder();
    for (const name of ['pages-1.img', 'pages-2.img'])
      writeFileSync(join(dir, name), randomBytes(LONG_BYTES));
    const content = new ReadingContent();
    content.readFile = () => Promise.reject(new Error('the drive is full'));
    let looks = 0;
    await assert.rejects(
      new ImagesAhead(content).follow(dir, () => looks++ > 1),
      /the drive is full/,
    );
  });
});
