// A home behind a restricted account: what a device needs works, and a hostile one gets nowhere.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeskPodError } from '../../src/core/errors.ts';
import type { Home } from '../../src/sync/home/home.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { checkHomeObjects } from '../../src/sync/verify/home-objects.ts';
import { describeHome, headAt, POD, writeKeyring, writeObject } from './support/home-contract.ts';
import { type LoopbackSshd, startSshd } from './support/loopback-sshd.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const PROGRAM = fileURLToPath(new URL('./support/receive-program.ts', import.meta.url));

describe('a home behind a restricted account', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let sshd: LoopbackSshd;
  let current: string;
  before(async () => {
    temp = makeTempFolder();
    sshd = await startSshd(join(temp.path, 'sshd'));
    current = join(temp.path, 'current');
    const node = `${process.execPath} --disable-warning=ExperimentalWarning`;
    // the same program starts many times
    const cache = `NODE_COMPILE_CACHE=${join(temp.path, 'cache')}`;
    sshd.restrict(`command="${cache} exec ${node} ${PROGRAM} \\"$(cat ${current})\\"",restrict`);
  });
  after(async () => {
    await sshd.stop();
    temp.remove();
  });

  /** The home at a folder, as a device reaches it; its owner makes it, as `home authorize` does. */
  const open = (folder: string): Home => {
    writeFileSync(current, folder);
    const url = `ssh://${sshd.user}@127.0.0.1:${sshd.port}${folder}`;
    const home = openRsyncHome(url, { shell: sshd.sharedShell });
    home.initialise = () => openRsyncHome(folder).initialise();
    return home;
  };
  describeHome('a folder behind a restricted account', open, { onlyGrows: true });

  describe('with a pod in it', () => {
    let folder: string;
    let repository: string;
    let home: Home;
    let object: string;
    const at = (path: string): string => join(folder, 'pods', POD, path);
    // what is refused changes nothing, so that all tests can have the same home
    before(async () => {
      const work = join(temp.path, 'work');
      folder = join(work, 'home');
      repository = join(work, 'repository');
      mkdirSync(repository, { recursive: true });
      home = open(folder);
      await home.initialise();
      object = writeObject(repository, Buffer.from('an object'));
      await home.push(repository, POD, [object, writeKeyring(repository)]);
      await home.writeHead(POD, headAt(5, { epoch: 2 }));
    });

    beforeEach(() => writeFileSync(join(repository, object), 'an object'));

    /** A client of its own make: rsync with these arguments, in the repository. */
    const rsync = (...args: readonly string[]) =>
      spawnSync('rsync', ['-e', `${sshd.sharedShell} -p ${sshd.port}`, ...args], {
        cwd: repository,
        encoding: 'utf8',
      });
    const remote = (path: string): string => `${sshd.user}@127.0.0.1:${path}`;
    const everything = (): string[] =>
      (readdirSync(folder, { recursive: true, encoding: 'utf8' }) as string[])
        .filter((path) => !path.includes('.incoming'))
        .sort();

    it('keeps its head when one comes that goes back', async () => {
      await assert.rejects(home.writeHead(POD, headAt(4, { epoch: 2 })), { code: 'HOME_FOREIGN' });
      assert.deepEqual(readFileSync(at('head')), Buffer.from(headAt(5, { epoch: 2 })));
    });

    it('keeps a sound object when another is put in its place', async () => {
      writeFileSync(join(repository, object), 'an OBJECT');
      await assert.rejects(home.replace(repository, POD, [object]), (error) =>
        isDeskPodError(error, 'OBJECT_DAMAGED'),
      );
      assert.equal(readFileSync(at(object), 'utf8'), 'an object');
    });

    it('does not touch a sound object when the same is put in its place', async () => {
      const { ino } = statSync(at(object));
      await home.replace(repository, POD, [object]);
      assert.equal(statSync(at(object)).ino, ino);
    });

    it('takes no object whose bytes do not bear out its name, and those beside it', async () => {
      const [good, bad] = ['good', 'bad'].map((text) => writeObject(repository, Buffer.from(text))) as [
        string,
        string,
      ];
      writeFileSync(join(repository, bad), 'BAD');
      await assert.rejects(home.push(repository, POD, [good, bad]), (error) => {
        assert.ok(isDeskPodError(error, 'OBJECT_DAMAGED'));
        assert.ok(error.message.includes(bad));
        return true;
      });
      assert.deepEqual([existsSync(at(good)), existsSync(at(bad))], [true, false]);
    });

    it('is checked by fetching its objects, as it hashes none for a device', async () => {
      writeFileSync(at(object), 'an OBJECT');
      const checked = await checkHomeObjects(home, POD, false);
      assert.deepEqual([checked.damaged, checked.isFetched], [[object], true]);
      await home.replace(repository, POD, [object]);
      assert.equal(readFileSync(at(object), 'utf8'), 'an object');
    });

    it('takes up what came in whole before a transfer was interrupted', async () => {
      const whole = writeObject(repository, Buffer.from('came in whole'));
      const place = at(join('.incoming', 'objects', whole));
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, 'came in whole');
      const { sentObjects } = await home.push(repository, POD, [whole]);
      assert.equal(sentObjects, 0);
      assert.equal(readFileSync(at(whole), 'utf8'), 'came in whole');
    });

    const refused: Readonly<Record<string, () => readonly string[]>> = {
      'deletes what it does not send': () => ['-s', '-r', '--delete', './', remote(`${folder}/pods/${POD}/`)],
      'deletes without secluded words': () => ['-r', '--delete', './', remote(`${folder}/pods/${POD}/`)],
      'writes straight to an object': () => ['-s', '-I', `./${object}`, remote(at(object))],
    };
    for (const [what, args] of Object.entries(refused)) {
      it(`changes nothing for a client that ${what}`, () => {
        const before = everything();
        writeFileSync(join(repository, object), 'an OBJECT');
        const { status, stderr } = rsync(...args());
        assert.notEqual(status, 0);
        assert.match(stderr, /deskpod home: USAGE: /);
        assert.deepEqual(everything(), before);
        assert.equal(readFileSync(at(object), 'utf8'), 'an object');
      });
    }

    for (const command of ['scp -t /tmp', '']) {
      it(`refuses the command "${command}"`, () => {
        const [program = '', ...args] = sshd.sharedShell.split(' ');
        const { status, stdout, stderr } = spawnSync(
          program,
          [
            ...args,
            '-p',
            String(sshd.port),
            '-T',
            remote('').slice(0, -1),
            ...(command === '' ? [] : [command]),
          ],
          { encoding: 'utf8', input: '' },
        );
        assert.notEqual(status, 0);
        assert.equal(stdout, '');
        assert.match(stderr, /deskpod home: USAGE: /);
      });
    }

    it('gives nothing out of the home by a list of files that leads out of it', () => {
      writeFileSync(join(dirname(folder), 'secret'), 'secret');
      const { stderr } = spawnSync(
        'rsync',
        [
          '-s',
          '-e',
          `${sshd.sharedShell} -p ${sshd.port}`,
          '--files-from=-',
          '--from0',
          remote(`${folder}/`),
          './got/',
        ],
        { cwd: repository, encoding: 'utf8', input: '../secret\0/../secret\0/etc/hostname\0deskpod-home\0' },
      );
      assert.match(stderr, /failed/);
      assert.deepEqual(readdirSync(join(repository, 'got')), ['deskpod-home']);
    });

    it('gives away what a client plants as something else than an object', () => {
      const sent = join(dirname(repository), 'sent');
      mkdirSync(join(sent, 'packs', 'ab'), { recursive: true });
      writeFileSync(join(sent, 'packs', 'ab', 'no-object'), 'planted');
      writeFileSync(join(sent, 'deskpod-home'), 'planted');
      symlinkSync('/etc/passwd', join(sent, 'packs', 'ab', 'link'));
      const before = everything();
      const { status, stderr } = spawnSync(
        'rsync',
        [
          '-s',
          '-I',
          '-e',
          `${sshd.sharedShell} -p ${sshd.port}`,
          '--files-from=-',
          './',
          remote(`${folder}/pods/${POD}/`),
        ],
        { cwd: sent, encoding: 'utf8', input: 'packs/ab/no-object\npacks/ab/link\ndeskpod-home\n' },
      );
      assert.notEqual(status, 0);
      assert.match(stderr, /OBJECT_DAMAGED/);
      assert.deepEqual(everything(), before);
      const left = readdirSync(at('.incoming'), { recursive: true, withFileTypes: true });
      assert.deepEqual(
        left
          .filter((entry) => !entry.isDirectory())
          .map(({ name }) => name)
          .sort(),
        ['head', 'writer'],
      );
    });

    it('goes on with a large object where a cut connection left it', async () => {
      const bytes = Buffer.alloc(64_000_000);
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
      const large = writeObject(repository, bytes);
      const args = [
        '-s',
        '-e',
        `${sshd.sharedShell} -p ${sshd.port}`,
        '--partial-dir=.partial',
        '--files-from=-',
        '--bwlimit=40000',
        './',
      ];
      const client = spawn('rsync', [...args, remote(`${folder}/pods/${POD}/`)], {
        cwd: repository,
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      client.stdin.end(`${large}\n`);
      const incoming = at(join('.incoming', 'objects', dirname(large)));
      const ended = new Promise((resolve) => client.once('exit', resolve));
      await until(() => sizeOfFiles(incoming) > 24_000_000);
      client.kill('SIGKILL');
      await ended;
      await until(() => existsSync(join(incoming, '.partial')));
      const { wireBytes } = await home.push(repository, POD, [large]);
      assert.ok(wireBytes < 44_000_000, `${wireBytes} bytes were sent the second time`);
      assert.equal(statSync(at(large)).size, bytes.length);
      assert.deepEqual(await home.list(POD, [large]), new Map([[large, bytes.length]]));
    });
  });

  it('is refused where the folder is no home', async () => {
    const nowhere = open(join(realpathSync(temp.path), 'nowhere'));
    assert.equal((await nowhere.probe()).state, 'missing');
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  while (!holds()) {
    assert.ok(performance.now() < deadlineMs, 'expected it within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function sizeOfFiles(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { name }) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
