// What a device lies on: a copy of it is noticed, what is only moved within a file system or renamed is not.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { createTree, openTree } from '../../src/sync/pod/tree.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const CREDENTIAL = { passphrase: 'correct horse' };

describe('a device', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let dir: string;
  beforeEach(async () => {
    temp = makeTempFolder();
    dir = join(temp.path, 'pod');
    mkdirSync(dir);
    await createTree({ dir, name: 'papers', ...CREDENTIAL, workFactor: 2 });
  });
  afterEach(() => temp.remove());

  /** What is told when it is opened, and the events that say so. */
  const look = async (at: string): Promise<[boolean, number]> => {
    const { notice, pod, close } = await openTree(at, CREDENTIAL).then((tree) => ({
      ...{ notice: tree.notice, pod: tree.pod },
      close: () => tree.close(),
    }));
    const moves = (await pod.events(1)).filter(({ event }) => event.type === 'device.moved').length;
    assert.equal(pod.state.moved !== undefined, moves > 0);
    await close();
    return [notice !== undefined, moves];
  };

  it('that was renamed is the same', async () => {
    assert.deepEqual(await look(dir), [false, 0]);
    renameSync(dir, `${dir}-renamed`);
    assert.deepEqual(await look(`${dir}-renamed`), [false, 0]);
  });

  it('that was copied is noticed once, is not hindered, and the original hears nothing', async () => {
    const copy = join(temp.path, 'copy');
    cpSync(dir, copy, { recursive: true, preserveTimestamps: true });
    assert.deepEqual(await look(copy), [true, 1]);
    assert.deepEqual(await look(copy), [false, 1]);
    assert.deepEqual(await look(dir), [false, 0]);
  });

  it('whose marker an interrupted fork left behind the log has a marker again that follows it', async () => {
    const file = join(dir, '.deskpod', 'deskpod.pod');
    const tree = await openTree(dir, CREDENTIAL);
    const former = readFileSync(file);
    await tree.pod.append({ type: 'forkDevice', fork: { deviceId: 'ab'.repeat(16), cause: 'asked' } });
    await tree.close();
    assert.deepEqual(readFileSync(file), former);
    assert.deepEqual(await look(dir), [false, 0]);
    assert.equal(readFileSync(file).subarray(21, 37).toString('hex'), 'ab'.repeat(16));
  });
});
