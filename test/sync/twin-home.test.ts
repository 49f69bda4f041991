// A twin as a home: what every home does, and what only a device with one pod's repository does.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../../src/core/bytes.ts';
import { isDeskPodError } from '../../src/core/errors.ts';
import { encodeMarker, type Marker } from '../../src/core/marker.ts';
import { hashing } from '../../src/sync/hashing.ts';
import type { Home } from '../../src/sync/home/home.ts';
import { parseHomeUrl, twinUrl } from '../../src/sync/home/home-url.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { openTwinHome } from '../../src/sync/home/twin-home.ts';
import { describeHome, headAt, POD, writeObject } from './support/home-contract.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const sealing = { hashing, logKey: new Uint8Array(32) };
const followed = { podId: fromHex(POD), epoch: 1, sealing };

function marker(changed: Partial<Marker> = {}): Uint8Array {
  const blank = {
    podId: fromHex(POD),
    deviceId: new Uint8Array(16).fill(7),
    epoch: 0,
    kind: 'tree' as const,
    isTwin: true,
    placeId: new Uint8Array(16),
  };
  return encodeMarker({ ...blank, ...changed }, sealing);
}

const open = (dir: string): Home => openTwinHome({ dir, url: twinUrl(dir) }, followed, marker());

describeHome('a twin', open, { podFolder: 'repository', followsOne: true });

describe('a twin as a home', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let dir: string;
  let repository: string;
  beforeEach(() => {
    temp = makeTempFolder();
    dir = join(temp.path, 'twin');
    repository = join(temp.path, 'repository');
  });
  afterEach(() => temp.remove());

  it('holds nothing but the marker and the repository', async () => {
    await open(dir).initialise();
    assert.deepEqual(readdirSync(dir).sort(), ['deskpod.pod', 'repository']);
    assert.deepEqual(new Uint8Array(readFileSync(join(dir, 'deskpod.pod'))), marker());
  });

  const others = [
    { what: 'a device of another pod', found: { podId: new Uint8Array(16).fill(9) }, code: 'HOME_FOREIGN' },
    { what: 'a twin that was started', found: { isTwin: false, epoch: 2 }, code: 'HOME_FENCED' },
    { what: 'the device itself, or a copy of it', found: { isTwin: false, epoch: 1 }, code: 'HOME_FOREIGN' },
  ] as const;
  for (const { what, found, code } of others) {
    it(`is not ${what}, of which nothing changes`, async () => {
      await open(dir).initialise();
      writeFileSync(join(dir, 'deskpod.pod'), marker(found));
      const object = writeObject(repository, Buffer.from('object'));
      const home = open(dir);
      for (const act of [
        () => home.head(POD),
        () => home.list(POD),
        () => home.replace(repository, POD, [object]),
        () => home.remove(POD, [object]),
      ])
        await assert.rejects(act, (error) => isDeskPodError(error, code));
      assert.deepEqual(readdirSync(join(dir, 'repository')), []);
    });
  }

  it('is not one whose marker somebody else made', async () => {
    await open(dir).initialise();
    const forged = encodeMarker(
      {
        podId: fromHex(POD),
        deviceId: new Uint8Array(16),
        epoch: 0,
        kind: 'tree',
        isTwin: true,
        placeId: new Uint8Array(16),
      },
      { hashing, logKey: new Uint8Array(32).fill(1) },
    );
    writeFileSync(join(dir, 'deskpod.pod'), forged);
    await assert.rejects(open(dir).head(POD), (error) => isDeskPodError(error, 'MARKER_DAMAGED'));
  });

  it('is not made where a folder holds something else', async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'photo.jpg'), 'mine');
    await assert.rejects(open(dir).initialise(), (error) => isDeskPodError(error, 'TARGET_NOT_EMPTY'));
    assert.deepEqual(readdirSync(dir), ['photo.jpg']);
  });

  it('is of one pod only', async () => {
    await open(dir).initialise();
    await assert.rejects(open(dir).writeHead('f'.repeat(32), headAt(1)), TypeError);
  });

  it('has a URL that no host can be taken for, and is reached as a device only', () => {
    assert.deepEqual(parseHomeUrl('twin:///a/b/'), { kind: 'twin', path: '/a/b' });
    assert.deepEqual(parseHomeUrl('twin:/a'), {
      kind: 'ssh',
      destination: 'twin',
      port: undefined,
      path: '/a',
    });
    assert.throws(
      () => parseHomeUrl('twin://host/a'),
      (error) => isDeskPodError(error, 'USAGE'),
    );
    assert.throws(
      () => openRsyncHome('twin:///a'),
      (error) => isDeskPodError(error, 'USAGE'),
    );
  });
});
