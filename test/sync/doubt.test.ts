// A checkpoint that looks like a loss stops with a question, and answers to it; what is no loss is sealed without one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createCipheriv, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { judgeCheckpoints } from '../../src/core/checkpoint-retention.ts';
import { type DeskPodError, isDeskPodError } from '../../src/core/errors.ts';
import { createTree, openTree, type Tree } from '../../src/sync/pod/tree.ts';
import { describeAsRoot, itAsRoot } from '../as-root.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const PASSPHRASE = 'correct horse battery';
const NOBODY = 65_534;
const SILENT = (): void => undefined;

/** Text of a few hundred bytes, of which no two are alike. */
function textOf(name: string): string {
  return `This is the file ${name}. It has some words in it, as people write them. `.repeat(5);
}

/** What ransomware does to a file. */
function encrypted(bytes: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-ctr', randomBytes(32), randomBytes(16));
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

describe('a checkpoint that looks like a loss', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let dir: string;
  let tree: Tree;
  const mounted: string[] = [];
  beforeEach(async () => {
    temp = makeTempFolder();
    dir = join(temp.path, 'tree');
    mkdirSync(dir);
    await createTree({ dir, name: 'tree', passphrase: PASSPHRASE, workFactor: 2 });
    tree = await openTree(dir, { passphrase: PASSPHRASE });
  });
  afterEach(async () => {
    await tree.close();
    for (const place of mounted.splice(0).reverse()) execFileSync('umount', ['-l', place]);
    temp.remove();
  });

  function write(names: readonly string[]): void {
    for (const name of names) {
      mkdirSync(join(dir, name, '..'), { recursive: true });
      writeFileSync(join(dir, name), textOf(name));
    }
  }

  function mount(...args: string[]): void {
    execFileSync('mount', args);
    mounted.push(args.at(-1) ?? '');
  }

  function unmount(place: string): void {
    execFileSync('umount', [place]);
    mounted.splice(mounted.indexOf(place), 1);
  }

  /** Opens the pod as a command that makes a checkpoint does. */
  async function reopenAhead(): Promise<void> {
    await tree.close();
    tree = await openTree(dir, { passphrase: PASSPHRASE }, { capturesAhead: true });
  }

  const documents = Array.from({ length: 60 }, (_, i) => `documents/${i % 4}/${i}.txt`);

  /** Their folders stay: the repository that is open relies on them. */
  function removePacks(): void {
    const packsDir = join(dir, '.deskpod/repository/packs');
    for (const file of readdirSync(packsDir, { recursive: true, withFileTypes: true }))
      if (file.isFile()) rmSync(join(file.parentPath, file.name));
  }

  /** The error of a checkpoint that is refused; nothing is sealed then. */
  async function question(): Promise<DeskPodError> {
    const before = tree.pod.state.lastCheckpoint;
    const error = await tree.checkpoint(SILENT).then(
      () => assert.fail('expected a question, got a checkpoint'),
      (cause: unknown) => cause,
    );
    assert.ok(isDeskPodError(error, 'CHECKPOINT_DOUBTFUL'), String(error));
    assert.equal(tree.pod.state.lastCheckpoint, before);
    return error;
  }

  async function doubts(): Promise<number> {
    return (await tree.pod.events(1)).filter(({ event }) => event.type === 'checkpoint.doubted').length;
  }

  it('is not sealed when most files are gone, and says how many, which, and what to do', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    for (const name of documents.slice(0, 40)) unlinkSync(join(dir, name));
    const error = await question();
    assert.match(
      error.message,
      /compared with checkpoint 1, 40 of 60 files are gone or were emptied \(documents\/0\/0\.txt, /,
    );
    assert.match(error.hint ?? '', /--accept-changes.*restore --into FOLDER --checkpoint 1/);
    assert.equal(error.details.goneCount, 40);
    assert.deepEqual(tree.pod.state.doubt?.causes, ['gone']);
    assert.equal(tree.pod.state.doubt?.number, undefined);
  });

  it('is sealed when a person accepts it, which is normal from then on', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    for (const name of documents.slice(0, 40)) unlinkSync(join(dir, name));
    await question();
    assert.equal((await tree.checkpoint(SILENT, 'accept')).number, 2);
    assert.equal(tree.pod.state.doubt, undefined);
    const [accepted] = (await tree.pod.events(1)).filter(({ event }) => event.type === 'checkpoint.accepted');
    assert.deepEqual(accepted?.event, { type: 'checkpoint.accepted', v: 1, number: 2, against: 1 });
    write(['one more']);
    assert.equal((await tree.checkpoint(SILENT)).number, 3);
  });

  it('is sealed without a question when the files are back, and answers the former one', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    renameSync(join(dir, 'documents'), join(temp.path, 'elsewhere'));
    await question();
    await question();
    assert.equal(await doubts(), 1);
    renameSync(join(temp.path, 'elsewhere'), join(dir, 'documents'));
    assert.equal((await tree.checkpoint(SILENT)).number, 2);
    assert.equal(tree.pod.state.doubt, undefined);
  });

  it('is not sealed when nothing is left of a few files, but when three of five were deleted', async () => {
    write(['a', 'b', 'c', 'd', 'e']);
    await tree.checkpoint(SILENT);
    for (const name of ['a', 'b', 'c']) unlinkSync(join(dir, name));
    assert.equal((await tree.checkpoint(SILENT)).number, 2);
    for (const name of ['d', 'e']) unlinkSync(join(dir, name));
    assert.deepEqual((await question()).details.causes, ['empty']);
  });

  it('is not sealed when files were encrypted where they are', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    for (const name of documents.slice(0, 30)) {
      const path = join(dir, name);
      writeFileSync(path, encrypted(readFileSync(path)));
    }
    const { details } = await question();
    assert.deepEqual(details.causes, ['noise']);
    assert.equal(details.noiseCount, 30);
    assert.equal(details.goneCount, 0);
  });

  it('is not sealed when files were encrypted and written as text', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    for (const [index, name] of documents.slice(0, 50).entries()) {
      const path = join(dir, name);
      const text = encrypted(readFileSync(path)).toString('base64');
      writeFileSync(index % 2 === 0 ? path : `${path}.enc`, text);
      if (index % 2 === 1) unlinkSync(path);
    }
    const { details } = await question();
    assert.deepEqual(details.causes, ['noise']);
    assert.equal(details.noiseCount, 50);
  });

  it('is not sealed when only the beginning of long files was encrypted', async () => {
    const long = Array.from({ length: 12 }, (_, i) => `long/${i}`);
    mkdirSync(join(dir, 'long'));
    for (const name of long) writeFileSync(join(dir, name), randomBytes(1_000_000).toString('base64'));
    await tree.checkpoint(SILENT);
    for (const name of long) {
      const bytes = readFileSync(join(dir, name));
      bytes.set(encrypted(bytes.subarray(0, 1_000_000)));
      writeFileSync(join(dir, name), bytes);
    }
    assert.deepEqual((await question()).details.causes, ['noise']);
  });

  it('is not sealed when files were encrypted under another name and deleted', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    for (const name of documents.slice(0, 25)) {
      const path = join(dir, name);
      writeFileSync(`${path}.locked`, encrypted(readFileSync(path)));
      unlinkSync(path);
    }
    assert.deepEqual((await question()).details.causes, ['noise']);
    for (const name of documents.slice(25, 50)) {
      const path = join(dir, name);
      writeFileSync(`${path}.locked`, encrypted(readFileSync(path)));
      unlinkSync(path);
    }
    assert.deepEqual((await question()).details.causes, ['gone', 'noise']);
    assert.equal(await doubts(), 2);
  });

  it('is no such thing when everything is renamed, edited, added to, packed, or made again by programs', async () => {
    write(documents);
    write(Array.from({ length: 300 }, (_, i) => `node_modules/p${i}/index.js`));
    await tree.checkpoint(SILENT);
    renameSync(join(dir, 'documents'), join(dir, 'papers'));
    await tree.checkpoint(SILENT);
    for (const name of readdirSync(join(dir, 'papers', '0')))
      appendFileSync(join(dir, 'papers', '0', name), 'more words, of a commit that was checked out');
    await tree.checkpoint(SILENT);
    rmSync(join(dir, 'node_modules'), { recursive: true });
    await tree.checkpoint(SILENT);
    mkdirSync(join(dir, 'photos'));
    for (let i = 0; i < 80; i++) writeFileSync(join(dir, 'photos', `${i}.jpg`), randomBytes(3000));
    writeFileSync(join(dir, 'archive.age'), randomBytes(500_000));
    await tree.checkpoint(SILENT);
    for (const name of readdirSync(join(dir, 'papers', '1'))) {
      const path = join(dir, 'papers', '1', name);
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)));
      unlinkSync(path);
    }
    assert.equal((await tree.checkpoint(SILENT)).number, 6);
    assert.equal(await doubts(), 0);
  });

  it('asks also a process that comes later, though a capture in between knew the files', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    for (const name of documents) writeFileSync(join(dir, name), encrypted(readFileSync(join(dir, name))));
    await question();
    await tree.close();
    tree = await openTree(dir, { passphrase: PASSPHRASE });
    await question();
    assert.equal(await doubts(), 1);
  });

  it('keeps the last good one from a prune while doubtful ones are sealed, which stand for no others', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    rmSync(join(dir, 'documents'), { recursive: true });
    for (let i = 0; i < 3; i++) {
      write([`later ${i}`]);
      const { doubt } = await tree.checkpoint(SILENT, 'note');
      assert.deepEqual(doubt?.causes, ['gone']);
    }
    const kept = () =>
      judgeCheckpoints(tree.pod.state, { last: 1 }, Date.now())
        .filter(({ reasons }) => reasons.length > 0)
        .map(
          ({ checkpoint, reasons }) => `${checkpoint.number} ${reasons.map(({ rule }) => rule).join(' ')}`,
        );
    assert.deepEqual(kept(), ['1 reference last', '2 doubted', '3 doubted', '4 newest doubted']);
    await tree.checkpoint(SILENT, 'accept');
    assert.deepEqual(kept(), ['5 newest last']);
  });

  it('can be made though the last one is damaged: then numbers are compared', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    removePacks();
    for (const name of documents.slice(0, 20)) unlinkSync(join(dir, name));
    assert.equal((await tree.checkpoint(SILENT)).number, 2);
    removePacks();
    for (const name of documents.slice(20, 50)) unlinkSync(join(dir, name));
    assert.deepEqual((await question()).details.causes, ['gone']);
  });

  itAsRoot('stops at a folder that another user may not read', async () => {
    write(documents);
    await tree.checkpoint(SILENT);
    await tree.close();
    execFileSync('chown', [`${NOBODY}:${NOBODY}`, join(dir, 'documents/2')]);
    chmodSync(join(dir, 'documents/2'), 0o700);
    const module = fileURLToPath(new URL('../../src/sync/pod/tree.ts', import.meta.url));
    const program = `
      const { openTree } = await import(${JSON.stringify(module)});
      const tree = await openTree(${JSON.stringify(dir)}, { passphrase: ${JSON.stringify(PASSPHRASE)} });
      await tree.checkpoint(() => undefined).catch(({ code, details }) => console.log(code, details.path));
      console.log(tree.pod.state.lastCheckpoint);
      await tree.close();`;
    // a root that is a user like any other: whoever is no root might not read this checkout
    const powerless = ['--bounding-set', '-dac_override,-dac_read_search', '--'];
    const node = [process.execPath, '--input-type=module', '--eval', program];
    const told = execFileSync('setpriv', [...powerless, ...node], { encoding: 'utf8' });
    assert.equal(told, `SOURCE_UNREADABLE ${join(dir, 'documents/2')}\n1\n`);
    tree = await openTree(dir, { passphrase: PASSPHRASE });
  });

  describeAsRoot('because of a mount', () => {
    it('is not sealed while what was bound into the tree is not', async () => {
      const elsewhere = join(temp.path, 'elsewhere');
      const place = join(dir, 'bound here');
      write(documents);
      mkdirSync(elsewhere);
      mkdirSync(place);
      writeFileSync(join(elsewhere, 'file'), textOf('file'));
      mount('--bind', elsewhere, place);
      await tree.checkpoint(SILENT);
      assert.deepEqual(tree.pod.state.mounts, ['bound here']);
      unmount(place);
      const { details } = await question();
      assert.deepEqual([details.causes, details.examples], [['unmounted'], ['bound here/file']]);
      mount('--bind', elsewhere, place);
      write(['more']);
      assert.equal((await tree.checkpoint(SILENT)).number, 2);
      unmount(place);
      await tree.checkpoint(SILENT, 'accept');
      assert.deepEqual(tree.pod.state.mounts, []);
    });

    it('is none of what is mounted on an empty folder, which each checkpoint says that it leaves out', async () => {
      write(['file', 'a folder/beneath/file']);
      for (const name of ['bound', 'a folder/drive']) mkdirSync(join(dir, name));
      const first = await tree.checkpoint(SILENT);
      assert.deepEqual([first.notCrossed, first.warnings], [[], []]);
      mount('--bind', join(dir, 'a folder', 'beneath'), join(dir, 'bound'));
      mount('-t', 'tmpfs', 'none', join(dir, 'a folder', 'drive'));
      write(['a folder/drive/left out', 'a folder/drive/inner/left out']);
      mount('-t', 'tmpfs', 'none', join(dir, 'a folder', 'drive', 'inner'));
      for (const fileCount of [3, 3]) {
        const report = await tree.checkpoint(SILENT);
        assert.deepEqual([report.notCrossed, report.fileCount], [['a folder/drive'], fileCount]);
        assert.match(
          report.warnings.join(),
          /^left out, .*: a folder\/drive\. .*make a pod .* or unmount it/,
        );
        assert.deepEqual(tree.notCrossed().map(String), ['a folder/drive']);
      }
      for (const name of ['a folder/drive/inner', 'a folder/drive']) unmount(join(dir, name));
      assert.deepEqual((await tree.checkpoint(SILENT)).warnings, []);
      assert.deepEqual(tree.notCrossed(), []);
    });

    it('is not sealed while something is mounted over files, and is when it holds none', async () => {
      write([...documents, 'beneath/file']);
      mkdirSync(join(dir, 'empty'));
      await tree.checkpoint(SILENT);
      mount('-t', 'tmpfs', 'none', join(dir, 'empty'));
      write(['more']);
      await tree.checkpoint(SILENT);
      mount('-t', 'tmpfs', 'none', join(dir, 'beneath'));
      const { details } = await question();
      assert.deepEqual([details.causes, details.examples], [['hidden'], ['beneath/file']]);
      unmount(join(dir, 'beneath'));
      unmount(join(dir, 'empty'));
      await tree.checkpoint(SILENT);
    });

    it('is not sealed though the mount came or went after the capture had begun', async () => {
      const elsewhere = join(temp.path, 'elsewhere');
      const place = join(dir, 'bound here');
      for (const folder of [elsewhere, place, join(dir, 'beneath')]) mkdirSync(folder);
      // of files without content a capture says what they were when it came by
      for (const folder of [elsewhere, join(dir, 'beneath')]) writeFileSync(join(folder, 'file'), '');
      write(documents);
      mount('--bind', elsewhere, place);
      await tree.checkpoint(SILENT);
      await reopenAhead();
      unmount(place);
      assert.deepEqual((await question()).details.causes, ['unmounted']);
      mount('--bind', elsewhere, place);
      await reopenAhead();
      mount('-t', 'tmpfs', 'none', join(dir, 'beneath'));
      assert.deepEqual((await question()).details.causes, ['hidden']);
    });

    it('is not sealed of an empty mount point, once the file system of the whole pod is not mounted any more', async () => {
      const image = join(temp.path, 'image');
      const place = join(temp.path, 'drive');
      mkdirSync(place);
      execFileSync('truncate', ['-s', '64M', image]);
      execFileSync('mkfs.ext4', ['-q', image]);
      mount('-o', 'loop', image, place);
      await createTree({ dir: place, name: 'drive', passphrase: PASSPHRASE, workFactor: 2 });
      writeFileSync(join(place, 'file'), textOf('file'));
      const onDrive = await openTree(place, { passphrase: PASSPHRASE });
      try {
        await onDrive.checkpoint(SILENT);
        // it stays alive for who has files open there, as a drive does that was pulled out
        execFileSync('umount', ['-l', place]);
        mounted.splice(mounted.indexOf(place), 1);
        await assert.rejects(onDrive.checkpoint(SILENT), (error) =>
          isDeskPodError(error, 'SOURCE_UNMOUNTED'),
        );
        assert.equal(onDrive.pod.state.lastCheckpoint, 1);
      } finally {
        await onDrive.close();
      }
      await assert.rejects(openTree(place, { passphrase: PASSPHRASE }), (error) =>
        isDeskPodError(error, 'POD_NOT_FOUND'),
      );
      assert.deepEqual(readdirSync(place), []);
    });
  });
});
