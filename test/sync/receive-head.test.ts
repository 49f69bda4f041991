// The head of a home behind a restricted account: it moves forward or not at all, by what anybody can read of it.
import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { Incoming } from '../../src/sync/home/receive/incoming.ts';
import { takeHead } from '../../src/sync/home/receive/receive-head.ts';
import { headAt, POD, writeKeyring } from './support/home-contract.ts';
import { makeTempFolder } from './support/temp-folder.ts';

describe('the head of a home behind a restricted account', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let incoming: Incoming;
  beforeEach(async () => {
    temp = makeTempFolder();
    writeKeyring(temp.path);
    writeFileSync(join(temp.path, 'head'), headAt(5, { epoch: 2 }));
    incoming = await Incoming.open(temp.path);
  });
  afterEach(() => temp.remove());
  const take = (bytes: Uint8Array): Promise<void> => {
    writeFileSync(join(temp.path, 'received'), bytes);
    return takeHead(temp.path, POD, join(temp.path, 'received'), incoming);
  };
  const present = (): Uint8Array => new Uint8Array(readFileSync(join(temp.path, 'head')));

  const heads: readonly (readonly [string, Uint8Array, ErrorCode])[] = [
    ['an earlier position', headAt(4, { epoch: 2 }), 'HOME_FOREIGN'],
    [
      'another history at the same position',
      Buffer.from(headAt(5, { epoch: 2 })).fill(7, 60, 70),
      'HOME_FOREIGN',
    ],
    ['an earlier epoch, further on', headAt(9, { epoch: 1 }), 'HOME_FENCED'],
    ['another device of the same epoch', headAt(9, { epoch: 2, device: 3 }), 'HOME_FOREIGN'],
    ['damage', headAt(9, { epoch: 2 }).subarray(1), 'HOME_DAMAGED'],
    ['another pod', Buffer.from(headAt(9, { epoch: 2 })).fill(7, 5, 9), 'HOME_DAMAGED'],
    ['no keyring that home has', Buffer.from(headAt(9, { epoch: 2 })).fill(7, 90, 99), 'HOME_DAMAGED'],
    ['64 MiB', Buffer.alloc(64 * 1024 * 1024), 'HOME_DAMAGED'],
  ];
  for (const [what, bytes, code] of heads) {
    it(`stays when one comes with ${what}`, async () => {
      await assert.rejects(take(bytes), (error) => isDeskPodError(error, code) && error.hint !== undefined);
      assert.deepEqual(present(), headAt(5, { epoch: 2 }));
    });
  }

  it('stays when a link comes', async () => {
    symlinkSync('head', join(temp.path, 'link'));
    await assert.rejects(takeHead(temp.path, POD, join(temp.path, 'link'), incoming), {
      code: 'HOME_DAMAGED',
    });
  });

  it('is followed by one of the same device further on, or of a later epoch, or by itself', async () => {
    for (const next of [
      headAt(5, { epoch: 2 }),
      headAt(7, { epoch: 2 }),
      headAt(8, { epoch: 4, device: 9 }),
      // of a device that was restored from another home, or promoted
      headAt(6, { epoch: 5, device: 3 }),
    ]) {
      await take(next);
      assert.deepEqual(present(), next);
    }
  });

  it('is followed by any of its pod when it is damaged', async () => {
    writeFileSync(join(temp.path, 'head'), 'rot');
    await take(headAt(1));
    assert.deepEqual(present(), headAt(1));
  });

  it('is the furthest when several come at once', async () => {
    const folder = (seq: number): string => join(temp.path, `received-${seq}`);
    const all = [9, 6, 8, 7].map(async (seq) => {
      writeFileSync(folder(seq), headAt(seq, { epoch: 2 }));
      await takeHead(temp.path, POD, folder(seq), incoming).catch((error: unknown) => {
        assert.ok(isDeskPodError(error, 'HOME_FOREIGN'));
      });
    });
    await Promise.all(all);
    assert.deepEqual(present(), headAt(9, { epoch: 2 }));
  });
});
