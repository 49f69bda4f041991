// A home behind a restricted account: what a device needs works, and a hostile one gets nowhere.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { isSecluded, parseReceiveRequest, splitCommand } from '../../src/core/receive-request.ts';
import type { Home } from '../../src/sync/home/home.ts';
import { Incoming } from '../../src/sync/home/receive/incoming.ts';
import { takeHead } from '../../src/sync/home/receive/receive-head.ts';
import { readSecludedWords } from '../../src/sync/home/receive/secluded-words.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { checkHomeObjects } from '../../src/sync/verify/home-objects.ts';
import { describeHome, headAt, POD, writeKeyring, writeObject } from './support/home-contract.ts';
import { type LoopbackSshd, startSshd } from './support/loopback-sshd.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const PROGRAM = fileURLToPath(new URL('./support/receive-program.ts', import.meta.url));

describe('what a restricted account takes', () => {
  const HOME = '/srv/home';
  let temp: ReturnType<typeof makeTempFolder>;
  before(() => {
    temp = makeTempFolder();
    const recorder = [
      'while [ "$1" != rsync ]; do shift; done',
      `printf %s "$*" >${temp.path}/command`,
      // dd closes its own output, which rsync would take for the end
      `dd bs=65536 count=1 of=${temp.path}/words 2>/dev/null`,
      'exit 1',
    ];
    writeFileSync(join(temp.path, 'recorder'), recorder.join('\n'));
    writeFileSync(join(temp.path, 'file'), 'a file');
  });
  after(() => temp.remove());

  /** What the real rsync would ask the other side for. */
  const wordsOf = (args: readonly string[]): string[] => {
    spawnSync('rsync', ['-e', `sh ${temp.path}/recorder`, ...args], { cwd: temp.path, input: '' });
    const words = splitCommand(readFileSync(join(temp.path, 'command'), 'utf8'));
    if (!isSecluded(words)) return words;
    const sent = openSync(join(temp.path, 'words'), 'r');
    try {
      return [...words, ...readSecludedWords(sent).slice(1)];
    } finally {
      closeSync(sent);
    }
  };

  const hostile: Readonly<Record<string, readonly string[]>> = {
    'deletes what it does not send': ['-s', '-r', '--delete', './', `me@host:${HOME}/pods/${POD}/`],
    'deletes by arguments that are missing': [
      '-s',
      '-r',
      '--delete-missing-args',
      './gone',
      `me@host:${HOME}/pods/${POD}/`,
    ],
    'deletes without secluded words': ['-r', '--delete', './', `me@host:${HOME}/pods/${POD}/`],
    'takes away what it fetches': [
      '-s',
      '-r',
      '--remove-source-files',
      `me@host:${HOME}/pods/${POD}/`,
      './got/',
    ],
    'writes in place': ['-s', '--inplace', './file', `me@host:${HOME}/pods/${POD}/`],
    appends: ['-s', '--append', './file', `me@host:${HOME}/pods/${POD}/`],
    'copies links': ['-s', '-rl', './', `me@host:${HOME}/pods/${POD}/`],
    'makes devices': ['-s', '-rD', './', `me@host:${HOME}/pods/${POD}/`],
    'writes a log elsewhere': [
      '-s',
      '-M--log-file=/tmp/deskpod-hostile-log',
      './file',
      `me@host:${HOME}/pods/${POD}/`,
    ],
    'names another remote shell': ['-s', '-M--rsh=sh', './file', `me@host:${HOME}/pods/${POD}/`],
    'runs a daemon': ['-s', '-M--daemon', './file', `me@host:${HOME}/pods/${POD}/`],
    'reads a list from elsewhere': ['-s', '--files-from=:/etc/passwd', `me@host:${HOME}/`, './got/'],
    'keeps backups': ['-s', '-b', '--backup-dir=/tmp', './file', `me@host:${HOME}/pods/${POD}/`],
    'compares with elsewhere': ['-s', '--copy-dest=/etc', './file', `me@host:${HOME}/pods/${POD}/`],
    'keeps parts elsewhere': ['-s', '--partial-dir=/tmp', './file', `me@host:${HOME}/pods/${POD}/`],
    'leaves by ..': ['-s', './file', `me@host:${HOME}/pods/${POD}/../`],
    'leaves by another path': ['-s', './file', 'me@host:/tmp/'],
    'reads another path': ['-s', '-r', 'me@host:/etc/', './got/'],
    'writes the marker': ['-s', '-I', './file', `me@host:${HOME}/deskpod-home`],
    'writes into the folder of the pods': ['-s', '-I', './file', `me@host:${HOME}/pods/`],
    'writes straight to an object': ['-s', '-I', './file', `me@host:${HOME}/pods/${POD}/packs/ab/x`],
    'writes into another folder of the pod': ['-s', '-I', './file', `me@host:${HOME}/pods/${POD}/packs/`],
  };
  for (const [what, args] of Object.entries(hostile)) {
    it(`is nothing of a client that ${what}`, () => {
      const words = wordsOf(args);
      assert.ok(words.includes('--server'));
      assert.throws(() => parseReceiveRequest(words, HOME), { code: 'USAGE' });
    });
  }

  it('is a list, a fetch, objects and a head, spelled as deskpod does', () => {
    const pod = `me@host:${HOME}/pods/${POD}/`;
    const kinds = [
      ['-s', '--list-only', '-r', pod],
      [
        '-s',
        '--files-from=-',
        '--from0',
        '--ignore-missing-args',
        '--timeout=120',
        `me@host:${HOME}/`,
        './got/',
      ],
      [
        '-s',
        '--files-from=-',
        '--fsync',
        '--ignore-existing',
        '--partial-dir=.partial',
        '--stats',
        './',
        pod,
      ],
      ['-s', '--files-from=-', '-I', '--bwlimit=100', './', pod],
      ['-s', '-I', './file', `${pod}head`],
    ].map((args) => parseReceiveRequest(wordsOf(args), HOME).kind);
    assert.deepEqual(kinds, ['read', 'read', 'add', 'replace', 'head']);
  });

  for (const command of [
    '',
    'sh -c id',
    'scp -t /tmp',
    '/usr/lib/openssh/sftp-server',
    'rsync --version',
    'rsync --server; id',
    'rsync --server $(id) . /',
    "rsync --server -s '.'",
  ]) {
    it(`is not the command "${command}"`, () => {
      assert.throws(() => splitCommand(command), { code: 'USAGE' });
    });
  }

  it('is refused where its words do not end', () => {
    const sent = openSync('/dev/zero', 'r');
    const nothing = openSync('/dev/null', 'r');
    try {
      assert.throws(() => readSecludedWords(nothing), { code: 'USAGE' });
      assert.deepEqual(readSecludedWords(sent), ['']);
    } finally {
      closeSync(sent);
      closeSync(nothing);
    }
  });
});

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
