// The second reader gets out of a home what our own restore gets out of it, and refuses what was damaged.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { restoreTree } from '../../src/sync/files/restore.ts';
import { type Credential, unlockRepository } from '../../src/sync/keyring/unlock.ts';
import { foldRecords } from '../../src/sync/pod/pod.ts';
import { makeDevice } from '../../src/sync/posix/nodes.ts';
import { MemoryChunkIndex } from '../../src/sync/repository/chunk-index.ts';
import { Content } from '../../src/sync/repository/content.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { readChain } from '../../src/sync/repository/segments.ts';
import { buildTree, generatedTrees } from '../sync/support/generated-tree.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';
import { listTree } from '../sync/support/tree-listing.ts';
import { READER, runReader } from './reader-program.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/v1/home/', import.meta.url));
const FIXTURE_POD = 'e3bbe4ae516e50b0de70a292fe26c4e4';
const FIXTURE_PASSPHRASE = 'correct horse battery staple';
const FIXTURE_KEY = 'AGE-SECRET-KEY-1UQY7T3ND03G98SGDALUE0TU45FYTVU35DZUR0DC6K0G28N7LRHAQY4LZ8C';
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

describe('the second reader', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  const at = (name: string) => join(temp.path, name);

  beforeEach(() => {
    temp = makeTempFolder();
    writeFileSync(at('passphrase'), `${FIXTURE_PASSPHRASE}\n`);
    writeFileSync(at('recovery'), `# on paper\n${FIXTURE_KEY}\n`);
  });
  afterEach(() => temp.remove());

  /** Restores with the reader and with our own restore, and compares all that find, getfattr and sha256sum see. */
  async function assertSame(home: string, podId: string, credential: Credential, key: readonly string[]) {
    const repository = await Repository.open(join(home, 'pods', podId));
    const { head, keyring } = await unlockRepository(repository, credential);
    const { secrets } = keyring;
    const { checkpoints } = foldRecords(await readChain(repository, secrets, head));
    assert.ok(checkpoints.length > 0);
    const content = await Content.open(repository, new MemoryChunkIndex(), secrets);
    try {
      for (const { number, files } of checkpoints) {
        await restoreTree(files, content, at(`ours-${number}`));
        const args = [home, '--checkpoint', `${number}`, ...key, '--into', at(`theirs-${number}`)];
        const { status, stderr } = await runReader(args);
        // The frozen home's files are root's: another user gets them as their own, and is told.
        const isComplete = isRoot || home !== FIXTURE;
        assert.match(stderr, isComplete ? /^$/ : /^reader: left out owners of \d+ entries, such as \S+\n$/);
        assert.equal(status, isComplete ? 0 : 3);
        assert.deepEqual(listTree(at(`theirs-${number}`)), listTree(at(`ours-${number}`)));
      }
    } finally {
      await content.close();
    }
  }

  it('restores every checkpoint of the frozen home as we do, with its passphrase', async () => {
    const key = ['--passphrase-file', at('passphrase')];
    await assertSame(FIXTURE, FIXTURE_POD, { passphrase: FIXTURE_PASSPHRASE }, key);
  });

  it('restores every checkpoint of the frozen home as we do, with its recovery key', async () => {
    await assertSame(FIXTURE, FIXTURE_POD, { recoveryKey: FIXTURE_KEY }, [
      '--recovery-key-file',
      at('recovery'),
    ]);
  });

  describe('of a new pod', () => {
    let lab: TreeLab;
    beforeEach(async () => {
      lab = await openTreeLab();
      writeFileSync(at('passphrase'), PASSPHRASE);
    });
    afterEach(() => {
      execFileSync('chmod', ['-R', 'u+rwX', lab.dir]);
      return lab.close();
    });

    it('restores trees of all kinds of entries as we do', async () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      for (const [i, tree] of fc.sample(generatedTrees, { numRuns: 12, seed }).entries()) {
        mkdirSync(join(lab.dir, `tree-${i}`));
        buildTree(Buffer.from(join(lab.dir, `tree-${i}`)), tree);
      }
      addWhatIsNotGenerated(lab.dir);
      await lab.bringHome();
      writeFileSync(join(lab.dir, 'letter.txt'), 'another letter\n');
      rmSync(join(lab.dir, 'folder'), { recursive: true });
      await lab.checkpoint();
      await lab.sync();
      try {
        await assertSame(lab.home, lab.podId, { passphrase: PASSPHRASE }, [
          '--passphrase-file',
          at('passphrase'),
        ]);
      } catch (error) {
        throw new Error(`trees of seed ${seed}`, { cause: error });
      }
    });

    it('reads a repository beside its files, too, and says what is in it', async () => {
      await lab.checkpoint();
      const key = ['--passphrase-file', at('passphrase')];
      const checkpoints = await runReader([lab.dir, ...key, '--list']);
      assert.match(checkpoints.stdout, /^1\t20.*\tfiles\t2 files\t16 bytes\n$/);
      symlinkSync('\u001b[2J', join(lab.dir, 'hostile\n'));
      await lab.checkpoint();
      const { stdout } = await runReader([lab.dir, ...key, '--list', '--checkpoint', 'latest']);
      assert.match(stdout, /^symlink +0777 .* hostile\\n -> \\x1b\[2J$/m);
      assert.match(stdout, /^file +0644 .* letter\.txt$/m);
      const whole = await runReader([join(lab.dir, '.deskpod', 'repository'), ...key]);
      assert.deepEqual(whole, { status: 0, stdout: 'checkpoint 2 is whole: 5 entries\n', stderr: '' });
    });
  });

  it('runs as any user, from a copy, and says what it had to leave out', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'deskpod-reader-'));
    try {
      chmodSync(dir, 0o777);
      cpSync(READER, join(dir, 'reader'));
      cpSync(join(dirname(READER), 'second_reader'), join(dir, 'second_reader'), { recursive: true });
      cpSync(FIXTURE, join(dir, 'home'), { recursive: true });
      cpSync(at('recovery'), join(dir, 'recovery'));
      execFileSync('chmod', ['-R', 'a+rX', dir]);
      const args = [join(dir, 'home'), '--recovery-key-file', join(dir, 'recovery'), '--into'];
      const options = { program: join(dir, 'reader'), ...(isRoot ? { uid: NOBODY } : {}) };
      const { status, stderr } = await runReader([...args, join(dir, 'tree')], options);
      assert.equal(stderr, 'reader: left out owners of 13 entries, such as text.txt\n');
      assert.equal(status, 3);
      const again = await runReader([...args, join(dir, 'tree')], options);
      assert.match(again.stderr, /tree is not empty\n$/);
      assert.equal(again.status, 14);
    } finally {
      execFileSync('chmod', ['-R', 'u+rwX', dir]);
      rmSync(dir, { recursive: true });
    }
  });

  const refusals: readonly [string, number, RegExp, readonly string[]][] = [
    ['another recovery key', 12, /opens no slot of keyrings\/66f1/, ['--recovery-key-file', 'other-key']],
    ['what is no recovery key', 12, /holds no recovery key/, ['--recovery-key-file', 'passphrase']],
    ['another passphrase', 12, /opens no slot of keyrings\/66f1/, ['--passphrase-file', 'recovery']],
    [
      'a checkpoint that is not there',
      10,
      /no checkpoint 3, only: 1 2/,
      ['--recovery-key-file', 'recovery', '--checkpoint', '3'],
    ],
    [
      'a pod that is not there',
      10,
      /holds no pod 00, but e3bb/,
      ['--recovery-key-file', 'recovery', '--pod', '00'],
    ],
  ];
  for (const [what, expected, message, [option = '', file = '', ...rest]] of refusals) {
    it(`refuses ${what}`, async () => {
      writeFileSync(at('other-key'), execFileSync('age-keygen', { stdio: ['ignore', 'pipe', 'ignore'] }));
      if (file === 'recovery' && option === '--passphrase-file') writeFileSync(at('recovery'), 'guess\n');
      const { status, stderr } = await runReader([FIXTURE, option, at(file), ...rest]);
      assert.match(stderr, message);
      assert.equal(status, expected);
    });
  }
});

/** What trees made up by chance lack: long files, devices, ACLs, further names of what is no file. */
function addWhatIsNotGenerated(dir: string): void {
  const place = (name: string) => join(dir, 'more', name);
  mkdirSync(join(dir, 'more'));
  writeFileSync(place('long'), Buffer.alloc(5_000_000, 'many chunks, and a pack '));
  execFileSync('openssl', ['rand', '-out', place('noise'), '6000000']);
  execFileSync('mkfifo', [place('fifo')]);
  symlinkSync('fifo', place('symlink'));
  for (const name of ['fifo', 'symlink', 'noise'])
    execFileSync('ln', ['-P', place(name), place(`${name}-2`)]);
  execFileSync('setfacl', ['-m', 'u:1234:r--', place('long')]);
  execFileSync('setfacl', ['-d', '-m', 'u:1234:rwx', join(dir, 'more')]);
  if (!isRoot) return;
  makeDevice(place('character'), 'character', 0o640, { major: 1, minor: 3 });
  makeDevice(place('block'), 'block', 0o600, { major: 259, minor: 70_000 });
  execFileSync('chown', ['-h', '1879048192:7', place('symlink')]);
  execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', join(dir, 'more')]);
}
