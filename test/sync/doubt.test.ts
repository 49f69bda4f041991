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
import { itAsRoot } from '../as-root.ts';
import { DOCUMENTS, DoubtfulTree, PASSPHRASE, SILENT } from './support/doubtful-tree.ts';

const NOBODY = 65_534;

/** What ransomware does to a file. */
function encrypted(bytes: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-ctr', randomBytes(32), randomBytes(16));
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

describe('a checkpoint that looks like a loss', () => {
  let made: DoubtfulTree;
  beforeEach(async () => {
    made = await DoubtfulTree.make();
  });
  afterEach(async () => {
    await made.close();
    made.remove();
  });

  /** Their folders stay: the repository that is open relies on them. */
  function removePacks(): void {
    const packsDir = join(made.dir, '.deskpod/repository/packs');
    for (const file of readdirSync(packsDir, { recursive: true, withFileTypes: true }))
      if (file.isFile()) rmSync(join(file.parentPath, file.name));
  }

  async function doubts(): Promise<number> {
    return (await made.tree.pod.events(1)).filter(({ event }) => event.type === 'checkpoint.doubted').length;
  }

  it('is not sealed when most files are gone, and says how many, which, and what to do', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    for (const name of DOCUMENTS.slice(0, 40)) unlinkSync(join(made.dir, name));
    const error = await made.question();
    assert.match(
      error.message,
      /compared with checkpoint 1, 40 of 60 files are gone or were emptied \(documents\/0\/0\.txt, /,
    );
    assert.match(error.hint ?? '', /--accept-changes.*restore --into FOLDER --checkpoint 1/);
    assert.equal(error.details.goneCount, 40);
    assert.deepEqual(made.tree.pod.state.doubt?.causes, ['gone']);
    assert.equal(made.tree.pod.state.doubt?.number, undefined);
  });

  it('is sealed when a person accepts it, which is normal from then on', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    for (const name of DOCUMENTS.slice(0, 40)) unlinkSync(join(made.dir, name));
    await made.question();
    assert.equal((await made.tree.checkpoint(SILENT, 'accept')).number, 2);
    assert.equal(made.tree.pod.state.doubt, undefined);
    const [accepted] = (await made.tree.pod.events(1)).filter(
      ({ event }) => event.type === 'checkpoint.accepted',
    );
    assert.deepEqual(accepted?.event, { type: 'checkpoint.accepted', v: 1, number: 2, against: 1 });
    made.write(['one more']);
    assert.equal((await made.tree.checkpoint(SILENT)).number, 3);
  });

  it('is sealed without a question when the files are back, and answers the former one', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    renameSync(join(made.dir, 'documents'), join(made.outside, 'elsewhere'));
    await made.question();
    await made.question();
    assert.equal(await doubts(), 1);
    renameSync(join(made.outside, 'elsewhere'), join(made.dir, 'documents'));
    assert.equal((await made.tree.checkpoint(SILENT)).number, 2);
    assert.equal(made.tree.pod.state.doubt, undefined);
  });

  it('is not sealed when nothing is left of a few files, but when three of five were deleted', async () => {
    made.write(['a', 'b', 'c', 'd', 'e']);
    await made.tree.checkpoint(SILENT);
    for (const name of ['a', 'b', 'c']) unlinkSync(join(made.dir, name));
    assert.equal((await made.tree.checkpoint(SILENT)).number, 2);
    for (const name of ['d', 'e']) unlinkSync(join(made.dir, name));
    assert.deepEqual((await made.question()).details.causes, ['empty']);
  });

  it('is not sealed when files were encrypted where they are', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    for (const name of DOCUMENTS.slice(0, 30)) {
      const path = join(made.dir, name);
      writeFileSync(path, encrypted(readFileSync(path)));
    }
    const { details } = await made.question();
    assert.deepEqual(details.causes, ['noise']);
    assert.equal(details.noiseCount, 30);
    assert.equal(details.goneCount, 0);
  });

  it('is not sealed when files were encrypted and written as text', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    for (const [index, name] of DOCUMENTS.slice(0, 50).entries()) {
      const path = join(made.dir, name);
      const text = encrypted(readFileSync(path)).toString('base64');
      writeFileSync(index % 2 === 0 ? path : `${path}.enc`, text);
      if (index % 2 === 1) unlinkSync(path);
    }
    const { details } = await made.question();
    assert.deepEqual(details.causes, ['noise']);
    assert.equal(details.noiseCount, 50);
  });

  it('is not sealed when only the beginning of long files was encrypted', async () => {
    const long = Array.from({ length: 12 }, (_, i) => `long/${i}`);
    mkdirSync(join(made.dir, 'long'));
    for (const name of long) writeFileSync(join(made.dir, name), randomBytes(1_000_000).toString('base64'));
    await made.tree.checkpoint(SILENT);
    for (const name of long) {
      const bytes = readFileSync(join(made.dir, name));
      bytes.set(encrypted(bytes.subarray(0, 1_000_000)));
      writeFileSync(join(made.dir, name), bytes);
    }
    assert.deepEqual((await made.question()).details.causes, ['noise']);
  });

  it('is not sealed when files were encrypted under another name and deleted', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    for (const name of DOCUMENTS.slice(0, 25)) {
      const path = join(made.dir, name);
      writeFileSync(`${path}.locked`, encrypted(readFileSync(path)));
      unlinkSync(path);
    }
    assert.deepEqual((await made.question()).details.causes, ['noise']);
    for (const name of DOCUMENTS.slice(25, 50)) {
      const path = join(made.dir, name);
      writeFileSync(`${path}.locked`, encrypted(readFileSync(path)));
      unlinkSync(path);
    }
    assert.deepEqual((await made.question()).details.causes, ['gone', 'noise']);
    assert.equal(await doubts(), 2);
  });

  it('is no such thing when everything is renamed, edited, added to, packed, or made again by programs', async () => {
    made.write(DOCUMENTS);
    made.write(Array.from({ length: 300 }, (_, i) => `node_modules/p${i}/index.js`));
    await made.tree.checkpoint(SILENT);
    renameSync(join(made.dir, 'documents'), join(made.dir, 'papers'));
    await made.tree.checkpoint(SILENT);
    for (const name of readdirSync(join(made.dir, 'papers', '0')))
      appendFileSync(join(made.dir, 'papers', '0', name), 'more words, of a commit that was checked out');
    await made.tree.checkpoint(SILENT);
    rmSync(join(made.dir, 'node_modules'), { recursive: true });
    await made.tree.checkpoint(SILENT);
    mkdirSync(join(made.dir, 'photos'));
    for (let i = 0; i < 80; i++) writeFileSync(join(made.dir, 'photos', `${i}.jpg`), randomBytes(3000));
    writeFileSync(join(made.dir, 'archive.age'), randomBytes(500_000));
    await made.tree.checkpoint(SILENT);
    for (const name of readdirSync(join(made.dir, 'papers', '1'))) {
      const path = join(made.dir, 'papers', '1', name);
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)));
      unlinkSync(path);
    }
    assert.equal((await made.tree.checkpoint(SILENT)).number, 6);
    assert.equal(await doubts(), 0);
  });

  it('asks also a process that comes later, though a capture in between knew the files', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    for (const name of DOCUMENTS)
      writeFileSync(join(made.dir, name), encrypted(readFileSync(join(made.dir, name))));
    await made.question();
    await made.reopen();
    await made.question();
    assert.equal(await doubts(), 1);
  });

  it('keeps the last good one from a prune while doubtful ones are sealed, which stand for no others', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    rmSync(join(made.dir, 'documents'), { recursive: true });
    for (let i = 0; i < 3; i++) {
      made.write([`later ${i}`]);
      const { doubt } = await made.tree.checkpoint(SILENT, 'note');
      assert.deepEqual(doubt?.causes, ['gone']);
    }
    const kept = () =>
      judgeCheckpoints(made.tree.pod.state, { last: 1 }, Date.now())
        .filter(({ reasons }) => reasons.length > 0)
        .map(
          ({ checkpoint, reasons }) => `${checkpoint.number} ${reasons.map(({ rule }) => rule).join(' ')}`,
        );
    assert.deepEqual(kept(), ['1 reference last', '2 doubted', '3 doubted', '4 newest doubted']);
    await made.tree.checkpoint(SILENT, 'accept');
    assert.deepEqual(kept(), ['5 newest last']);
  });

  it('can be made though the last one is damaged: then numbers are compared', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    removePacks();
    for (const name of DOCUMENTS.slice(0, 20)) unlinkSync(join(made.dir, name));
    assert.equal((await made.tree.checkpoint(SILENT)).number, 2);
    removePacks();
    for (const name of DOCUMENTS.slice(20, 50)) unlinkSync(join(made.dir, name));
    assert.deepEqual((await made.question()).details.causes, ['gone']);
  });

  itAsRoot('stops at a folder that another user may not read', async () => {
    made.write(DOCUMENTS);
    await made.tree.checkpoint(SILENT);
    await made.close();
    execFileSync('chown', [`${NOBODY}:${NOBODY}`, join(made.dir, 'documents/2')]);
    chmodSync(join(made.dir, 'documents/2'), 0o700);
    const module = fileURLToPath(new URL('../../src/sync/pod/tree.ts', import.meta.url));
    const program = `
      const { openTree } = await import(${JSON.stringify(module)});
      const tree = await openTree(${JSON.stringify(made.dir)}, { passphrase: ${JSON.stringify(PASSPHRASE)} });
      await tree.checkpoint(() => undefined).catch(({ code, details }) => console.log(code, details.path));
      console.log(tree.pod.state.lastCheckpoint);
      await tree.close();`;
    // a root that is a user like any other: whoever is no root might not read this checkout
    const powerless = ['--bounding-set', '-dac_override,-dac_read_search', '--'];
    const node = [process.execPath, '--input-type=module', '--eval', program];
    const told = execFileSync('setpriv', [...powerless, ...node], { encoding: 'utf8' });
    assert.equal(told, `SOURCE_UNREADABLE ${join(made.dir, 'documents/2')}\n1\n`);
  });
});
