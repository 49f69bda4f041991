// The folder of a pod at home, as a prune and a dock see it, while others write there.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HomeFolder } from '../../../src/sync/retention/home-folder.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

const OBJECTS = 200;
const ROUNDS = 20;

describe('the folder of a pod at home', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  beforeEach(() => {
    temp = makeTempFolder();
  });
  afterEach(() => temp.remove());

  it('is listed while a sync brings objects, whose files have other names until they are whole', async () => {
    const place = join(temp.path, 'keyrings');
    mkdirSync(place);
    const names = Array.from({ length: OBJECTS }, (_, n) =>
      createHash('sha256').update(`${n}`).digest('hex'),
    );
    for (const name of names) writeFileSync(join(place, name), name);
    let isOver = false;
    const syncing = (async () => {
      for (let n = 100_000; !isOver; n++) {
        const unfinished = join(place, `.${names[0]}.${n}`);
        await writeFile(unfinished, 'a part');
        await rm(unfinished);
      }
    })();
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const listed = await new HomeFolder(temp.path).list(['keyrings']);
        assert.deepEqual(
          listed.map(({ path }) => path),
          names.map((each) => `keyrings/${each}`).sort(),
        );
      }
    } finally {
      isOver = true;
      await syncing;
    }
  });
});
