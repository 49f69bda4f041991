// Objects at home that are damaged or missing when a pod is restored: named, and no obstacle once home is repaired.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ErrorCode } from '../../src/core/errors.ts';
import { assertSameFiles, filesBelow, openTreeLab, replaceByCopy, type TreeLab } from './tree-lab.ts';

const DAMAGES: readonly {
  readonly what: string;
  readonly harm: (path: string) => Promise<void>;
  readonly codes: Readonly<Record<'packs' | 'segments' | 'keyrings', ErrorCode>>;
}[] = [
  {
    what: 'with one byte flipped',
    harm: flipByte,
    codes: { packs: 'HOME_DAMAGED', segments: 'OBJECT_DAMAGED', keyrings: 'OBJECT_DAMAGED' },
  },
  {
    what: 'cut short',
    harm: async (path) => truncate(path, 100),
    codes: { packs: 'HOME_DAMAGED', segments: 'OBJECT_DAMAGED', keyrings: 'OBJECT_DAMAGED' },
  },
  {
    what: 'that is missing',
    harm: (path) => rm(path),
    codes: { packs: 'HOME_DAMAGED', segments: 'OBJECT_MISSING', keyrings: 'HOME_DAMAGED' },
  },
];

describe('a restore from a home', () => {
  let lab: TreeLab;
  beforeEach(async () => {
    lab = await openTreeLab();
    await writeFile(join(lab.dir, 'large'), randomBytes(300_000));
    await lab.bringHome();
  });
  afterEach(async () => {
    await lab.close();
  });

  for (const { what, harm, codes } of DAMAGES) {
    for (const kind of ['packs', 'segments', 'keyrings'] as const) {
      it(`names the one of its ${kind} ${what}, and succeeds when that is repaired`, async () => {
        const path = await largest(join(lab.home, 'pods', lab.podId, kind));
        const whole = join(lab.temp, 'whole');
        await replaceByCopy(lab.home, whole);
        await harm(path);
        const harmed = await filesBelow(lab.home);
        const failure = await lab.program.failure(codes[kind], lab.restoreTo('back'));
        // A segment that is gone is known by the first record that no other has.
        const isGoneSegment = kind === 'segments' && codes[kind] === 'OBJECT_MISSING';
        const name = isGoneSegment ? /record \d+/ : (/[0-9a-f]{64}/.exec(basename(path))?.[0] ?? '');
        assert.match(failure.message, new RegExp(name));
        assert.deepEqual(await filesBelow(lab.home), harmed);
        assert.equal(existsSync(join(lab.temp, 'back', '.deskpod', 'deskpod.pod')), false, 'no pod yet');
        assert.notEqual((await lab.program.run(['checkpoint', '-d', join(lab.temp, 'back')])).status, 0);
        await replaceByCopy(whole, lab.home);
        await lab.program.answer(lab.restoreTo('back'));
        await assertSameFiles(join(lab.temp, 'back'), lab.dir);
      });
    }
  }
});

async function largest(dir: string): Promise<string> {
  let found = { path: '', sizeBytes: -1 };
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { size: sizeBytes } = await stat(path);
    if (entry.isFile() && sizeBytes > found.sizeBytes) found = { path, sizeBytes };
  }
  return found.path;
}

async function flipByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
