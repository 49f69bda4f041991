// The contract of a home: one suite for every kind.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fromHex, toHex } from '../../../src/core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../../src/core/errors.ts';
import { encodeHead } from '../../../src/core/head.ts';
import { hashing } from '../../../src/sync/hashing.ts';
import type { Home } from '../../../src/sync/home/home.ts';
import { requireBranches } from './branch-contract.ts';
import { makeTempFolder } from './temp-folder.ts';

/** A pod for the tests. */
export const POD = '00112233445566778899aabbccddeeff';
const KEYRING = createHash('sha256').update('a keyring').digest();

/** Writes an object of a repository as DeskPod names them; gives its path. */
export function writeObject(repository: string, bytes: Uint8Array): string {
  const name = createHash('sha256').update(bytes).digest('hex');
  const path = `packs/${name.slice(0, 2)}/${name}.age`;
  mkdirSync(dirname(join(repository, path)), { recursive: true });
  writeFileSync(join(repository, path), bytes, { mode: 0o600 });
  return path;
}

/** Writes the keyring that the heads of the tests name; gives its path. */
export function writeKeyring(repository: string): string {
  const path = `keyrings/${toHex(KEYRING)}`;
  mkdirSync(join(repository, 'keyrings'), { recursive: true });
  writeFileSync(join(repository, path), 'a keyring', { mode: 0o600 });
  return path;
}

/** A head of the pod of the tests, as some device of it would write it. */
export function headAt(seq: number, { epoch = 1, device = 1 } = {}): Uint8Array {
  const head = {
    podId: fromHex(POD),
    epoch,
    deviceId: new Uint8Array(16).fill(device),
    seq,
    recordHash: new Uint8Array(32).fill(seq),
    keyring: KEYRING,
  };
  return encodeHead(head, { hashing, logKey: new Uint8Array(32) });
}

async function readHead(home: Home): Promise<Uint8Array> {
  return new Uint8Array((await home.head(POD)) ?? []);
}

/** What is particular to a kind of home, on purpose. */
export interface HomeTraits {
  /** It lets nothing be taken away. */
  readonly onlyGrows?: boolean;
  /** It follows one device, and keeps no branches. */
  readonly followsOne?: boolean;
  /** Where it keeps the pod of the tests, below its folder. */
  readonly podFolder?: string;
}

/** Describes what every home does. `open` gives the home at a folder, where the tests look for its files. */
export function describeHome(
  kind: string,
  open: (folder: string) => Home,
  { onlyGrows = false, followsOne = false, podFolder = join('pods', POD) }: HomeTraits = {},
): void {
  describe(`a home: ${kind}`, () => {
    let temp: ReturnType<typeof makeTempFolder>;
    let folder: string;
    let repository: string;
    let home: Home;
    beforeEach(() => {
      temp = makeTempFolder();
      folder = join(temp.path, "the home's; $place");
      repository = join(temp.path, 'repository');
      mkdirSync(repository);
      home = open(folder);
    });
    afterEach(() => temp.remove());

    it('is missing until it is made, and ready then', async () => {
      assert.equal((await home.probe()).state, 'missing');
      assert.ok(!existsSync(folder));
      await home.initialise();
      await home.initialise();
      assert.equal((await home.probe()).state, 'ready');
      assert.deepEqual(await home.listPods(), []);
      assert.equal(await home.head(POD), undefined);
    });

    it('is not made under a folder that is not there', async () => {
      const nowhere = open(join(temp.path, 'not', 'mounted'));
      await assert.rejects(nowhere.initialise(), (error) => isDeskPodError(error, 'HOME_NOT_FOUND'));
      assert.ok(!existsSync(join(temp.path, 'not')));
    });

    it('is not taken for one without its marker, and nothing is written there', async () => {
      mkdirSync(folder);
      const object = writeObject(repository, Buffer.from('object'));
      for (const act of [
        () => home.head(POD),
        () => home.listPods(),
        () => home.push(repository, POD, [object]),
        () => home.writeHead(POD, Buffer.from('head')),
        () => home.pull(POD, repository),
        () => home.verifyObjects(POD),
      ])
        await assert.rejects(act, (error) => isDeskPodError(error, 'HOME_NOT_FOUND'));
      assert.deepEqual(readdirSync(folder), []);
    });

    it('gives back what was sent to it, for its owner only', async () => {
      await home.initialise();
      const objects = [1, 2, 3].map((n) => writeObject(repository, Buffer.alloc(100_000 * n, n)));
      const seen: (number | undefined)[] = [];
      await home.push(repository, POD, objects, {
        onProgress: ({ doneBytes, totalBytes }) => {
          assert.equal(totalBytes, 600_000);
          seen.push(doneBytes);
        },
      });
      assert.equal(seen.at(-1), 600_000);
      await home.push(repository, POD, [writeKeyring(repository)]);
      await home.writeHead(POD, headAt(1));
      await home.writeHead(POD, headAt(2));
      assert.deepEqual(await home.listPods(), [POD]);
      assert.deepEqual(await readHead(home), headAt(2));
      const modes = execFileSync('find', [join(folder, podFolder), '-printf', '%y%m\n'], {
        encoding: 'utf8',
      });
      assert.deepEqual(new Set(modes.trim().split('\n')), new Set(['d700', 'f600']));
      const other = join(temp.path, 'other');
      mkdirSync(other);
      await home.pull(POD, other);
      for (const object of objects)
        assert.deepEqual(readFileSync(join(other, object)), readFileSync(join(repository, object)));
      assert.ok(!existsSync(join(other, 'head')));
    });

    it('lists what it has, each with its length', async () => {
      await home.initialise();
      assert.deepEqual([...(await home.list(POD))], []);
      const objects = [3, 5].map((length) => writeObject(repository, Buffer.alloc(length)));
      const lacking = writeObject(repository, Buffer.from('not sent'));
      const keyring = writeKeyring(repository);
      await home.push(repository, POD, [...objects, keyring]);
      await home.writeHead(POD, headAt(1));
      const lengths = [...objects, keyring].map((object) => [
        object,
        statSync(join(repository, object)).size,
      ]);
      assert.deepEqual(
        new Map([...(await home.list(POD))].sort()),
        new Map(lengths.sort() as [string, number][]),
      );
      assert.deepEqual(await home.list(POD, [objects[0] ?? '', lacking]), new Map([[objects[0], 3]]));
    });

    it('is not asked for the bytes of a head that claims to be as long as no head is', async () => {
      await home.initialise();
      await home.push(repository, POD, [writeKeyring(repository)]);
      await home.writeHead(POD, headAt(1));
      truncateSync(join(folder, podFolder, 'head'), 2 ** 40);
      assert.deepEqual(await readHead(home), new Uint8Array(0));
      assert.notEqual(await home.head(POD), undefined);
    });

    it('is sent nothing but the objects that are named, and no head before its time', async () => {
      await home.initialise();
      const [named = ''] = ['a', 'b'].map((text) => writeObject(repository, Buffer.from(text)));
      for (const name of ['head', 'stray', '.hidden']) writeFileSync(join(repository, name), 'not asked for');
      await home.push(repository, POD, [named]);
      await home.replace(repository, POD, [named]);
      assert.equal(await home.head(POD), undefined);
      assert.deepEqual([...(await home.list(POD)).keys()], [named]);
      for (const name of ['stray', '.hidden']) assert.ok(!existsSync(join(folder, podFolder, name)));
    });

    it('is sent only what it lacks', async () => {
      await home.initialise();
      const [first = '', second = ''] = [1, 2].map((n) => writeObject(repository, randomBytes(n * 100_000)));
      const before = await home.push(repository, POD, [first]);
      assert.deepEqual([before.sentObjects, before.sentBytes], [1, 100_000]);
      const totals = new Set<number | undefined>();
      const after = await home.push(repository, POD, [first, second], {
        onProgress: ({ totalBytes }) => totals.add(totalBytes),
      });
      assert.deepEqual([after.sentObjects, after.sentBytes], [1, 200_000]);
      assert.ok(after.wireBytes >= 200_000 && after.wireBytes < 202_000, `${after.wireBytes} bytes went out`);
      assert.deepEqual([...totals], [200_000]);
      assert.equal((await home.push(repository, POD, [first, second])).wireBytes, 0);
    });

    it('takes the whole object in the place of a damaged one of the same length', async () => {
      await home.initialise();
      const object = writeObject(repository, Buffer.from('the whole object'));
      await home.push(repository, POD, [object]);
      writeFileSync(join(folder, podFolder, object), 'the whale object');
      await home.replace(repository, POD, [object]);
      assert.equal(readFileSync(join(folder, podFolder, object), 'utf8'), 'the whole object');
    });

    it(`takes away ${onlyGrows ? 'nothing' : 'the objects that are named and nothing else, be they there or not'}`, async () => {
      await home.initialise();
      const [first = '', second = '', never = ''] = ['a', 'b', 'c'].map((text) =>
        writeObject(repository, Buffer.from(text)),
      );
      const keyring = writeKeyring(repository);
      await home.push(repository, POD, [first, second, keyring]);
      await home.writeHead(POD, headAt(1));
      if (onlyGrows) {
        await assert.rejects(home.remove(POD, [first]), DeskPodError);
        assert.equal((await home.list(POD)).size, 3);
        return;
      }
      await home.remove(POD, [first, never]);
      await home.remove(POD, [first]);
      assert.deepEqual([...(await home.list(POD)).keys()].sort(), [keyring, second]);
      assert.deepEqual(await readHead(home), headAt(1));
    });

    it('fetches only the objects that are named', async () => {
      await home.initialise();
      const objects = ['a', 'b'].map((text) => writeObject(repository, Buffer.from(text)));
      await home.push(repository, POD, objects);
      const other = join(temp.path, 'other');
      mkdirSync(other);
      await home.pull(POD, other, { objects: objects.slice(0, 1) });
      assert.deepEqual(
        objects.map((object) => existsSync(join(other, object))),
        [true, false],
      );
    });

    it('keeps the object it has, and says so if that is short', async () => {
      await home.initialise();
      const object = writeObject(repository, Buffer.from('whole'));
      await home.push(repository, POD, [object]);
      truncateSync(join(folder, podFolder, object), 2);
      await assert.rejects(home.push(repository, POD, [object]), (error) => {
        assert.ok(isDeskPodError(error, 'HOME_DAMAGED'));
        assert.deepEqual(error.details.objects, [object]);
        return true;
      });
    });

    it('is sent nothing if the repository lacks an object', async () => {
      await home.initialise();
      const object = writeObject(repository, Buffer.from('gone'));
      rmSync(join(repository, object));
      await assert.rejects(home.push(repository, POD, [object]), (error) =>
        isDeskPodError(error, 'OBJECT_MISSING'),
      );
    });

    it('has its former head after rsync was killed, and goes on when sent to again', async () => {
      await home.initialise();
      await home.push(repository, POD, [writeKeyring(repository)]);
      await home.writeHead(POD, headAt(1));
      const objects = [1, 2, 3, 4].map((n) => writeObject(repository, Buffer.alloc(48_000_000, n)));
      let isKilled = false;
      const push = home.push(repository, POD, objects, {
        onProgress: ({ doneBytes = 0 }) => {
          if (isKilled || doneBytes === 0) return;
          isKilled = true;
          for (const pid of descendants('rsync').slice(0, 1)) process.kill(pid, 'SIGKILL');
        },
      });
      await assert.rejects(push, (error) => isDeskPodError(error, 'HOME_UNREACHABLE'));
      assert.ok(isKilled);
      assert.deepEqual(await readHead(home), headAt(1));
      await home.push(repository, POD, objects);
      for (const object of objects) assert.equal(statSync(join(folder, podFolder, object)).size, 48_000_000);
      await home.writeHead(POD, headAt(2));
      assert.deepEqual(await readHead(home), headAt(2));
    });

    if (!followsOne) {
      it('keeps the history of a device that it does not follow as a branch, beside its own', () =>
        requireBranches(home, temp.path));
    }

    it('stops sending when told to', async () => {
      await home.initialise();
      const objects = [1, 2].map((n) => writeObject(repository, Buffer.alloc(48_000_000, n)));
      const stop = new AbortController();
      const push = home.push(repository, POD, objects, {
        signal: stop.signal,
        onProgress: () => stop.abort(),
      });
      await assert.rejects(push, (error) => isDeskPodError(error, 'CANCELLED'));
    });
  });
}

/** Ids of the processes that `parent` has started and that run `program`, and of what these have started; no daemons. */
export function descendants(program: string, parent = process.pid): number[] {
  return readOfProcess(parent, `task/${parent}/children`)
    .split(' ')
    .filter((pid) => pid !== '')
    .map(Number)
    .filter((pid) => readOfProcess(pid, 'comm').trim() === program)
    .filter((pid) => !readOfProcess(pid, 'cmdline').includes('--daemon'))
    .flatMap((pid) => [pid, ...descendants(program, pid)]);
}

/** Nothing of a process that has ended. */
function readOfProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
