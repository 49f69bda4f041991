// Healing by many objects: a home that lacks the first ones is asked for the others, too.
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeskPodError } from '../../../src/core/errors.ts';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { Repository } from '../../../src/sync/repository/repository.ts';
import { type HealFailure, type HealSource, healDevice } from '../../../src/sync/verify/heal-device.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

const POD_ID = '0123456789abcdef'.repeat(2);
/** More than two batches. */
const OBJECT_COUNT = 40;
/** What one of the homes has: the last ones that are asked for. */
const KEPT_COUNT = 3;

describe('healing a device of many objects', () => {
  let folder: ReturnType<typeof makeTempFolder>;
  let source: HealSource;
  let names: string[];
  beforeEach(async () => {
    folder = makeTempFolder();
    const repository = await Repository.create(join(folder.path, 'device'));
    names = [];
    const homes = [];
    for (const [name, from] of [
      ['first', OBJECT_COUNT - KEPT_COUNT],
      ['second', 0],
    ] as const) {
      const home = openRsyncHome(join(folder.path, name));
      await home.initialise();
      const store = await Repository.create(join(folder.path, name, 'pods', POD_ID));
      for (let index = from; index < OBJECT_COUNT; index++) {
        const put = await store.putObject('packs', Buffer.from(`object ${index}`));
        names[index] = put.name;
      }
      homes.push(home);
    }
    const told = { onProgress: () => undefined, onHealed: async () => undefined };
    source = { repository, podId: POD_ID, homes, ...told };
  });
  afterEach(() => folder.remove());

  const heal = (others: Partial<HealSource> = {}) =>
    healDevice(
      { ...source, ...others },
      names.map((name) => ({ kind: 'packs', name })),
    );
  const noted = (failures: readonly HealFailure[]): readonly (readonly [string, string])[] =>
    failures.map(({ place, error }) => [place, isDeskPodError(error) ? error.code : String(error)] as const);

  it('takes from each home what it has, whichever those are', async () => {
    const { healed } = await heal();
    assert.equal(healed.length, OBJECT_COUNT);
    const [first = ''] = source.homes.map(({ url }) => url);
    assert.equal(healed.filter(({ from }) => from === first).length, KEPT_COUNT);
  });

  it('asks a home that is away once, and says so once', async () => {
    const [home] = source.homes;
    assert.ok(home !== undefined);
    await rename(home.url, `${home.url}-away`);
    let batchCount = 0;
    const onProgress = (): void => {
      batchCount += 1;
    };
    const { healed, failures } = await heal({ homes: [home], onProgress });
    assert.deepEqual([healed, batchCount], [[], 1]);
    assert.deepEqual(noted(failures), [[home.url, 'HOME_NOT_FOUND']]);
  });
});
