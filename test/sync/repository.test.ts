// Repositories.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toHex } from '../../src/core/bytes.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { run } from '../../src/sync/process.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { temporaryName } from '../../src/sync/repository/temporary-name.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';

describe('a repository', () => {
  const folder = scratchFolder();
  let repository: Repository;

  beforeEach(async () => {
    repository = await Repository.create(join(folder(), 'repository'));
  });

  it('names objects after the hash of their bytes', async () => {
    const bytes = new Uint8Array(randomBytes(1000));
    const hash = toHex(hashing.sha256(bytes));
    const put = await repository.putObject('packs', bytes);
    assert.deepEqual(put, { name: hash, sizeBytes: 1000, isNew: true });
    assert.equal(
      repository.objectPath('packs', hash),
      join(repository.dir, 'packs', hash.slice(0, 2), `${hash}.age`),
    );
    assert.deepEqual(await repository.readObject('packs', hash), bytes);
    assert.equal((await repository.putObject('packs', bytes)).isNew, false);
    const segment = await repository.putObject('segments', bytes, { firstSeq: 7 });
    assert.equal(segment.name, `000000000007-${hash}`);
    assert.equal(
      repository.objectPath('segments', segment.name),
      join(repository.dir, 'segments', `000000000007-${hash}.age`),
    );
    assert.equal(repository.objectPath('keyrings', hash), join(repository.dir, 'keyrings', hash));
    assert.equal(repository.objectPath('bases', hash), join(repository.dir, 'bases', `${hash}.erofs`));
  });

  it('takes an object from a file', async () => {
    const bytes = randomBytes(3_000_000);
    await writeFile(join(folder(), 'base'), bytes);
    const put = await repository.putObject('bases', { file: join(folder(), 'base') });
    assert.equal(put.name, toHex(hashing.sha256(bytes)));
    assert.deepEqual(await readFile(repository.objectPath('bases', put.name)), bytes);
    assert.deepEqual(await repository.verifyObject('bases', put.name), { sizeBytes: bytes.length });
    assert.equal((await repository.putObject('bases', { file: join(folder(), 'base') })).isNew, false);
    assert.deepEqual(await readdir(join(repository.dir, 'tmp')), []);
  });

  it('lists objects and passes over everything else', async () => {
    const puts = await repository.putObjects('packs', [randomBytes(10), randomBytes(10), randomBytes(10)]);
    const [first] = puts;
    assert.ok(first);
    await writeFile(join(dirname(repository.objectPath('packs', first.name)), 'README'), 'x');
    await writeFile(join(repository.dir, 'packs', 'stray'), 'x');
    assert.deepEqual(await repository.listObjects('packs'), puts.map((put) => put.name).sort());
    assert.deepEqual(await repository.listObjects('segments'), []);
    await rm(join(repository.dir, 'bases'), { recursive: true });
    assert.deepEqual(await repository.listObjects('bases'), []);
  });

  it('names what is missing and what is damaged', async () => {
    const { name } = await repository.putObject('packs', randomBytes(100));
    const path = repository.objectPath('packs', name);
    const bytes = await readFile(path);
    bytes[50] = (bytes[50] ?? 0) ^ 1;
    await rm(path);
    await writeFile(path, bytes);
    const error = await expectCode('OBJECT_DAMAGED', () => repository.readObject('packs', name));
    assert.equal(error.details.name, name);
    await expectCode('OBJECT_DAMAGED', () => repository.verifyObject('packs', name));
    await rm(path);
    await expectCode('OBJECT_MISSING', () => repository.readObject('packs', name));
    await expectCode('OBJECT_MISSING', () => repository.verifyObject('packs', name));
    await expectCode('OBJECT_MISSING', () => repository.objectSize('packs', name));
    assert.equal(await repository.hasObject('packs', name), false);
  });

  it('refuses names that lead elsewhere', () => {
    assert.throws(() => repository.objectPath('packs', '../../etc/passwd'), TypeError);
    assert.throws(() => repository.objectPath('segments', 'a'.repeat(64)), TypeError);
  });

  it('has no head until one is written, and replaces it whole', async () => {
    assert.equal(await repository.readHead(), undefined);
    await repository.writeHead(Uint8Array.of(1, 2));
    await repository.writeHead(Uint8Array.of(3));
    assert.deepEqual(await repository.readHead(), Uint8Array.of(3));
    assert.deepEqual(await readdir(join(repository.dir, 'tmp')), []);
  });

  it('clears what dead processes left, and leaves alone what the living are writing', async () => {
    const temp = join(repository.dir, 'tmp');
    const { stdout: deadPid } = await run('sh', ['-c', 'echo $$']);
    const alive = await temporaryName();
    const dead = alive.replace(`-${process.pid}-`, `-${deadPid}-`);
    for (const name of [alive, dead, `otherboot-${process.pid}-00`, 'anything'])
      await writeFile(join(temp, name), 'x');
    await Repository.open(repository.dir);
    assert.deepEqual(await readdir(temp), [alive]);
  });

  it('is not found where there is none, and found where rsync left out empty folders', async () => {
    await expectCode('POD_NOT_FOUND', () => Repository.open(join(folder(), 'nothing')));
    await mkdir(join(folder(), 'home', 'packs'), { recursive: true });
    const home = await Repository.open(join(folder(), 'home'));
    const { name } = await home.putObject('keyrings', Uint8Array.of(1));
    await access(home.objectPath('keyrings', name));
  });
});
