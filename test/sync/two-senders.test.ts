// Two devices that bring objects to one home in a folder at once: what one is still writing the other takes for nobody's leftover.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { keepLeftovers, removeNeedlessParts } from '../../src/sync/home/partial-objects.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { until } from '../session/until.ts';
import { POD, writeObject } from './support/home-contract.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const SIZE_BYTES = 2 ** 20;
/** A second and a half for an object. */
const SLOWLY = 700 * 1024;

describe('two devices at one home in a folder', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let folder: string;
  beforeEach(async () => {
    temp = makeTempFolder();
    folder = join(temp.path, 'home');
    await openRsyncHome(folder).initialise();
  });
  afterEach(() => temp.remove());

  it('look through what a killed one has left at the same time', async () => {
    const name = `${'a'.repeat(64)}.age`;
    const object = `packs/aa/${name}`;
    for (const wanted of [new Set<string>(), new Set([object])]) {
      const place = join(folder, 'packs/aa');
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, `.${name}.AbCdEf`), 'a piece');
      await Promise.all([1, 2, 3].map(() => keepLeftovers(folder, [object], wanted)));
      assert.deepEqual(readdirSync(place), wanted.size === 0 ? [] : ['.partial']);
    }
    await Promise.all([1, 2, 3].map(() => removeNeedlessParts(folder, [object], new Set())));
    assert.deepEqual(readdirSync(join(folder, 'packs/aa')), []);
  });

  it('leave each other what is still being written', async () => {
    const [first, second] = ['first', 'second'].map((name) => join(temp.path, name)) as [string, string];
    const bytes = randomBytes(SIZE_BYTES);
    const object = writeObject(first, bytes);
    writeObject(second, bytes);
    const place = join(folder, 'pods', POD, object);
    const slow = openRsyncHome(folder, { bytesPerSecond: SLOWLY }).push(first, POD, [object]);
    await until(
      () =>
        existsSync(dirname(place)) &&
        readdirSync(dirname(place)).some((name) => /\.[A-Za-z0-9]{6}$/.test(name)),
    );
    await openRsyncHome(folder).push(second, POD, [object]);
    await slow;
    assert.deepEqual(readFileSync(place), bytes);
    assert.deepEqual(readdirSync(dirname(place)), [object.split('/').at(-1)]);
  });
});
