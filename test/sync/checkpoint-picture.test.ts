// The picture of a checkpoint's screen, as it is read: beside the process images, on the device and at home.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { browsePod } from '../../src/sync/browse/browsed-pod.ts';
import {
  type CheckpointPicture,
  type PictureRequest,
  readPicture,
} from '../../src/sync/browse/checkpoint-picture.ts';
import { withHomePod } from '../../src/sync/browse/home-pod.ts';
import type { Credential } from '../../src/sync/keyring/unlock.ts';
import { addHome } from '../../src/sync/pod/add-home.ts';
import { syncHomes } from '../../src/sync/pod/replicate.ts';
import { captureInto, sealCheckpoint } from '../../src/sync/pod/seal-checkpoint.ts';
import { createTree, openTree, type Tree } from '../../src/sync/pod/tree.ts';
import { expectCode } from './expect-code.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const CREDENTIAL: Credential = { passphrase: 'correct horse battery' };
const { signal } = new AbortController();

describe('the picture of a checkpoint', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let tree: Tree;
  let imagesDir: string;
  const png = picture(5, 3);

  beforeEach(async () => {
    temp = makeTempFolder();
    const dir = join(temp.path, 'pod');
    imagesDir = join(temp.path, 'images');
    mkdirSync(dir);
    mkdirSync(imagesDir);
    for (const name of ['core-1.img', 'inventory.img', 'tty-info.img'])
      writeFileSync(join(imagesDir, name), randomBytes(1000));
    await createTree({ dir, name: 'papers', passphrase: 'correct horse battery', workFactor: 2 });
    tree = await openTree(dir, CREDENTIAL);
  });
  afterEach(async () => {
    await tree.close();
    temp.remove();
  });

  /** Seals what lies in the folders, as the session's checkpoint does it. */
  async function seal(): Promise<void> {
    const { content } = tree.pod;
    const files = await tree.capture({});
    const images = await captureInto(content, imagesDir, 'images', {});
    const times = { pauseMs: 0, startedMs: performance.now() };
    await sealCheckpoint(tree.pod, { reason: 'live', files, images, ...times, ifDoubtful: 'note' });
  }

  const read = (number: PictureRequest['number']): Promise<CheckpointPicture> =>
    readPicture(browsePod(tree.pod), { number }, { signal });

  it('is read from the device, and from a home, with its size', async () => {
    writeFileSync(join(imagesDir, 'screen.png'), png);
    await seal();
    const expected = { number: 1, pngBase64: png.toString('base64'), width: 5, height: 3 };
    assert.deepEqual(await read(1), expected);
    assert.deepEqual(await read('latest'), expected);
    const url = join(temp.path, 'home');
    await addHome(tree.pod, url);
    for (const outcome of await syncHomes(tree.pod, undefined, () => undefined))
      if ('error' in outcome) throw outcome.error;
    const access = { url, credential: CREDENTIAL, onProgress: () => undefined };
    const atHome = await withHomePod(access, (pod) => readPicture(pod, { number: 1 }, { signal }));
    assert.deepEqual(atHome, expected);
  });

  it('is missed with the next step, if the checkpoint was made without one or holds no processes', async () => {
    await seal();
    await tree.checkpoint(() => undefined);
    const unseen = await expectCode('PICTURE_NOT_FOUND', () => read(1));
    assert.match(unseen.message, /display did not answer/);
    const files = await expectCode('PICTURE_NOT_FOUND', () => read(2));
    assert.match(files.message, /files only/);
    assert.match(files.hint ?? '', /deskpod checkpoints/);
    await expectCode('CHECKPOINT_NOT_FOUND', () => read(3));
  });

  it('is refused where something else has its name, however long that is', async () => {
    const others: (() => void)[] = [
      () => writeFileSync(join(imagesDir, 'screen.png'), 'a PNG by its name only, and by nothing else'),
      () => writeFileSync(join(imagesDir, 'screen.png'), png.subarray(0, 20)),
      () => writeFileSync(join(imagesDir, 'screen.png'), Buffer.concat([png, Buffer.alloc(2 ** 21)])),
      () => mkdirSync(join(imagesDir, 'screen.png')),
    ];
    for (const [index, put] of others.entries()) {
      rmSync(join(imagesDir, 'screen.png'), { recursive: true, force: true });
      put();
      await seal();
      await expectCode('MANIFEST_DAMAGED', () => read(index + 1));
    }
  });
});

function picture(width: number, height: number): Buffer {
  return PNG.sync.write(new PNG({ width, height, fill: true }));
}
