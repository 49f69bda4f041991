// Drives on which anybody may have written what looks like a pod: the dashboard names them, and finds the others all the same.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { encodeMarker } from '../../src/core/marker.ts';
import { isNoPod, type Place, Places } from '../../src/session/dashboard/places.ts';
import { findPluggedPod } from '../../src/session/dashboard/plugged-pod.ts';
import { makeExt4 } from '../../src/session/device/ext4.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { scratchFolder } from '../sync/scratch.ts';

const NOBODY = 65_534;
const POD_ID = new Uint8Array(16).fill(0xab);

describe('places with pods', () => {
  const folder = scratchFolder();
  let faults: Map<string, unknown>;
  beforeEach(() => {
    faults = new Map();
  });

  const marker = encodeMarker(
    {
      ...{ podId: POD_ID, deviceId: new Uint8Array(16), epoch: 3, kind: 'desktop', isTwin: true },
      placeId: new Uint8Array(16),
    },
    { hashing, logKey: new Uint8Array(32) },
  );

  /** A drive's image with this file as its marker; none without it. */
  async function makeDrive(name: string, markerFile?: string): Promise<string> {
    const path = join(folder(), name);
    writeFileSync(path, '');
    truncateSync(path, 16 * 2 ** 20);
    await makeExt4(path, 'deskpod');
    if (markerFile !== undefined)
      execFileSync('debugfs', ['-w', '-R', `write ${markerFile} deskpod.pod`, path], { stdio: 'ignore' });
    return path;
  }

  async function list(drives: readonly string[], asked: readonly string[] = []): Promise<Place[]> {
    const found = await new Places(asked, async () => drives).list(({ path, error }) => {
      if (path.startsWith(folder())) faults.set(path, error);
    });
    return [...found.values()].filter(({ path }) => path.startsWith(folder()));
  }

  const codes = (): unknown[] => [...faults.values()].map((error) => (error as { code?: unknown }).code);

  it('are drives with a marker, by what that says', async () => {
    writeFileSync(join(folder(), 'marker'), marker);
    const drive = await makeDrive('drive', join(folder(), 'marker'));
    const [place] = await list([drive, '/dev/null', join(folder(), 'none')]);
    assert.deepEqual(place?.marker, { podId: 'ab'.repeat(16), kind: 'desktop', isTwin: true, epoch: 3 });
    assert.deepEqual([place.kind, place.plainDir, place.sizeBytes], ['device', undefined, 16 * 2 ** 20]);
    assert.match(place.id, /^[0-9a-f]{16}$/);
    assert.deepEqual([...faults], []);
  });

  it('are meant by whoever names none, if there is one on a drive', async () => {
    writeFileSync(join(folder(), 'marker'), marker);
    const drive = await makeDrive('drive', join(folder(), 'marker'));
    const find = (...drives: readonly string[]): Promise<string> =>
      findPluggedPod({ list: async () => new Map((await list(drives)).map((place) => [place.id, place])) });
    assert.equal(await find(drive, '/dev/null'), drive);
    await assert.rejects(find('/dev/null'), { code: 'USAGE', message: 'no drive with a pod is plugged in' });
    const other = await makeDrive('other', join(folder(), 'marker'));
    await assert.rejects(find(drive, other), { code: 'USAGE', details: { paths: [drive, other] } });
  });

  it('are found beside drives whose markers are noise, without end, or missing', async () => {
    writeFileSync(join(folder(), 'marker'), marker);
    writeFileSync(join(folder(), 'noise'), Buffer.alloc(200, 7));
    writeFileSync(join(folder(), 'endless'), '');
    truncateSync(join(folder(), 'endless'), 12 * 2 ** 20);
    const drives = [
      await makeDrive('noisy', join(folder(), 'noise')),
      await makeDrive('empty'),
      await makeDrive('endless-drive', join(folder(), 'endless')),
      await makeDrive('drive', join(folder(), 'marker')),
    ];
    const places = await list(drives);
    assert.deepEqual(
      places.map(({ path }) => path),
      [join(folder(), 'drive')],
    );
    assert.deepEqual(codes(), ['MARKER_DAMAGED', 'ENOENT', 'MARKER_DAMAGED']);
    assert.deepEqual([...faults.values()].map(isNoPod), [false, true, false]);
  });

  it('are folders with a plain marker, not with a link or a pipe in its place', async () => {
    for (const name of ['plain', 'link', 'pipe', 'noise', 'empty'])
      await mkdir(join(folder(), name, '.deskpod'), { recursive: true });
    const at = (name: string): string => join(folder(), name, '.deskpod', 'deskpod.pod');
    await writeFile(at('plain'), marker);
    symlinkSync(at('plain'), at('link'));
    execFileSync('mkfifo', [at('pipe')]);
    await writeFile(at('noise'), 'noise');
    const asked = ['plain', 'link', 'pipe', 'noise', 'empty'].map((name) => join(folder(), name));
    const places = await list([], asked);
    assert.deepEqual(
      places.map(({ path, kind }) => [path, kind]),
      [[join(folder(), 'plain'), 'folder']],
    );
    assert.deepEqual(codes(), ['MARKER_DAMAGED', 'MARKER_DAMAGED', 'MARKER_DAMAGED']);
  });

  it('are folders that this user watches, whatever others have bound and put in the way', async () => {
    const watched = async (name: string) => {
      const dir = join(folder(), name);
      await mkdir(join(dir, '.deskpod'), { recursive: true });
      await writeFile(join(dir, '.deskpod', 'deskpod.pod'), marker);
      const server = createServer().listen(join(dir, '.deskpod', 'supervisor.sock'));
      await once(server, 'listening');
      return { dir, server };
    };
    const [own, foreign, moved] = [await watched('own'), await watched('foreign'), await watched('moved')];
    try {
      chownSync(join(foreign.dir, '.deskpod', 'supervisor.sock'), NOBODY, NOBODY);
      renameSync(moved.dir, `${moved.dir}-away`);
      symlinkSync(moved.dir, moved.dir);
      assert.deepEqual(
        (await list([])).map(({ path }) => path),
        [own.dir],
      );
      assert.deepEqual([...faults], []);
    } finally {
      for (const { server } of [own, foreign, moved]) server.close();
    }
  });

  it('are each one place, also when they are named twice, and two when they are copied', async () => {
    writeFileSync(join(folder(), 'marker'), marker);
    const drive = await makeDrive('drive', join(folder(), 'marker'));
    cpSync(drive, `${drive}.copy`);
    const places = await list([drive, `${drive}.copy`], [drive]);
    assert.equal(new Set(places.map(({ id }) => id)).size, 2);
    assert.equal(new Set(places.map(({ marker: { podId } }) => podId)).size, 1);
  });
});
