// What every kind of vault keeps: one suite, run for each kind that this host can open.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { findVaultKind, type VaultKind } from '../../src/session/vault/vault.ts';
import { dataRanges } from '../../src/sync/posix/sparse.ts';
import { run } from '../../src/sync/process.ts';
import { syncFolder } from '../../src/sync/repository/durable-file.ts';
import { failureOf, holdOpen, kill, MEBIBYTE } from './device-bench.ts';
import { copyImage, KEPT, type Register, type VaultBench, VaultTemplates } from './vault-bench.ts';

/** Registers the suite for one kind of vault. */
export function describeVaultContract(kind: VaultKind, register: Register = it): void {
  describe(`a vault of kind ${kind}`, () => {
    const templates = new VaultTemplates(kind);
    after(() => templates.close());
    const onDevice = (title: string, body: (bench: VaultBench) => Promise<void>): unknown =>
      register(title, () => templates.withDevice(body));
    const onVault = (title: string, body: (bench: VaultBench) => Promise<void>): unknown =>
      register(title, () => templates.withVault(body));

    onDevice(
      "is made empty, unlocked and root's alone, is found by its kind, and cannot be made twice",
      async ({ vault, place, volumeKey }) => {
        assert.equal(await findVaultKind(place), undefined);
        assert.equal(await vault.isUnlocked(), false);
        await vault.create(volumeKey);
        assert.equal(await vault.isUnlocked(), true);
        assert.deepEqual(
          (await readdir(vault.dir)).filter((name) => name !== 'lost+found'),
          [],
        );
        assert.equal((await stat(vault.dir)).mode & 0o7777, 0o700);
        assert.equal(await findVaultKind(place), kind);
        await failureOf('VAULT_FAILED', () => vault.create(randomBytes(64)));
        await vault.lock();
        await failureOf('VAULT_FAILED', () => vault.create(volumeKey));
      },
    );

    onDevice('says that there is no vault, and refuses what is no key', async ({ vault, volumeKey }) => {
      await failureOf('VAULT_FAILED', () => vault.unlock(volumeKey));
      await vault.lock();
      await assert.rejects(vault.create(new Uint8Array(32)), TypeError);
      await assert.rejects(vault.create(new Uint8Array(64)), TypeError);
    });

    onVault(
      'shows neither names nor bytes when it is locked, and the same ones when it is unlocked',
      async ({ vault, volumeKey }) => {
        const copy = Uint8Array.from(volumeKey);
        await vault.unlock(volumeKey);
        await mkdir(`${vault.dir}/layer/upper`, { recursive: true });
        const bytes = randomBytes(3 * MEBIBYTE + 17);
        await writeFile(`${vault.dir}/layer/upper/diary.bin`, bytes);
        await vault.lock();
        assert.equal(await vault.isUnlocked(), false);
        const { stdout } = await run('find', [vault.dir]);
        assert.doesNotMatch(stdout, /diary|kept|layer/);
        await assert.rejects(readFile(`${vault.dir}/kept.txt`));
        await assert.rejects(writeFile(`${vault.dir}/layer/new.txt`, 'x'));

        await vault.unlock(volumeKey);
        assert.equal(await vault.isUnlocked(), true);
        assert.deepEqual(await readFile(`${vault.dir}/layer/upper/diary.bin`), bytes);
        assert.equal(await readFile(`${vault.dir}/kept.txt`, 'utf8'), KEPT);
        assert.deepEqual(Uint8Array.from(volumeKey), copy);
      },
    );

    onVault(
      'leaves no plaintext on the device, and opens after the device was unplugged',
      async ({ bench, device, volumeKey, vaultOf }) => {
        await device.unmount();
        const image = await storedBytes(bench.path('device.img'));
        assert.ok(image.includes('deskpod'), 'the label of the device is not encrypted');
        for (const secret of [KEPT, 'kept.txt', Buffer.from(volumeKey.subarray(0, 32))]) {
          assert.equal(image.includes(secret), false);
        }
        const again = vaultOf(await bench.mount(bench.path('device.img')));
        assert.equal(await again.isUnlocked(), false);
        await again.unlock(volumeKey);
        assert.equal(await readFile(`${again.dir}/kept.txt`, 'utf8'), KEPT);
      },
    );

    onVault(
      'refuses another key before anything is changed, and then takes the right one',
      async ({ vault, volumeKey }) => {
        const failure = await failureOf('VAULT_FAILED', () => vault.unlock(randomBytes(64)));
        assert.match(failure.message, /key is not the one/);
        assert.equal(await vault.isUnlocked(), false);
        await vault.unlock(volumeKey);
        assert.equal(await readFile(`${vault.dir}/kept.txt`, 'utf8'), KEPT);
      },
    );

    onVault(
      'checks the key of an open vault too; can be unlocked and locked twice in a row',
      async ({ device, vault, volumeKey, vaultOf }) => {
        await vault.unlock(volumeKey);
        // As another process sees it, after the one that opened it was killed.
        const found = vaultOf(device);
        assert.equal(await found.isUnlocked(), true);
        await failureOf('VAULT_FAILED', () => found.unlock(randomBytes(64)));
        await found.unlock(volumeKey);
        assert.equal(await readFile(`${found.dir}/kept.txt`, 'utf8'), KEPT);
        await found.lock();
        await found.lock();
        assert.equal(await vault.isUnlocked(), false);
      },
    );

    onVault(
      'names the process that keeps a file open instead of locking, opens again, and locks when it is gone',
      async ({ bench, vault, volumeKey }) => {
        await vault.unlock(volumeKey);
        const holder = await holdOpen(`${vault.dir}/kept.txt`);
        bench.atEnd(() => kill(holder));
        const failure = await failureOf('VAULT_FAILED', () => vault.lock());
        assert.match(failure.message, new RegExp(`pid ${holder.pid}\\) with .*kept\\.txt`));
        await vault.unlock(volumeKey);
        assert.equal(await vault.isUnlocked(), true);
        assert.equal(await readFile(`${vault.dir}/kept.txt`, 'utf8'), KEPT);
        await kill(holder);
        await vault.lock();
        assert.equal(await vault.isUnlocked(), false);
        await assert.rejects(readFile(`${vault.dir}/kept.txt`));
      },
    );

    onVault(
      "bears an overlay's upper layer: programs, links, renames, removals; locked after its unmount",
      async ({ bench, vault, volumeKey }) => {
        await vault.unlock(volumeKey);
        const layer = { upper: `${vault.dir}/layer/upper`, work: `${vault.dir}/layer/work` };
        for (const dir of [layer.upper, layer.work]) await mkdir(dir, { recursive: true });
        const [lower, merged] = [bench.path('lower'), bench.path('merged')];
        await mkdir(`${lower}/folder`, { recursive: true });
        await mkdir(merged);
        await writeFile(`${lower}/folder/gone`, 'x');
        await writeFile(`${lower}/moved`, 'moved');
        const layers = `lowerdir=${lower},upperdir=${layer.upper},workdir=${layer.work}`;
        const mounting = ['-t', 'overlay', '-o', `${layers},index=on,nfs_export=on`, 'overlay', merged];
        await run('mount', mounting);
        try {
          await run('cp', ['/bin/echo', `${merged}/echo`]);
          await symlink('echo', `${merged}/link`);
          assert.equal((await run(`${merged}/link`, ['hello'])).stdout, 'hello');
          await run('mv', [`${merged}/moved`, `${merged}/folder/moved`]);
          await run('rm', [`${merged}/folder/gone`]);
        } finally {
          await run('umount', [merged]);
        }
        await vault.lock();
        await vault.unlock(volumeKey);
        await run('mount', mounting);
        try {
          assert.deepEqual((await readdir(merged)).sort(), ['echo', 'folder', 'link']);
          assert.equal(await readFile(`${merged}/folder/moved`, 'utf8'), 'moved');
          assert.deepEqual(await readdir(`${merged}/folder`), ['moved']);
        } finally {
          await run('umount', [merged]);
        }
      },
    );

    onVault('can be filled, locked, opened and made room in', async ({ vault, volumeKey }) => {
      await vault.unlock(volumeKey);
      const { bavail, bsize } = await statfs(vault.dir);
      const largeBytes = bavail * bsize - 2 * MEBIBYTE;
      await run('fallocate', ['-l', String(largeBytes), `${vault.dir}/large`]);
      await assert.rejects(writeFile(`${vault.dir}/rest`, randomBytes(4 * MEBIBYTE)), { code: 'ENOSPC' });
      await vault.lock();
      await vault.unlock(volumeKey);
      assert.equal(await readFile(`${vault.dir}/kept.txt`, 'utf8'), KEPT);
      assert.equal((await stat(`${vault.dir}/large`)).size, largeBytes);
      await rm(`${vault.dir}/large`);
      await writeFile(`${vault.dir}/rest`, randomBytes(4 * MEBIBYTE));
    });

    onVault(
      'keeps what was synced when its drive is pulled out',
      async ({ bench, vault, volumeKey, vaultOf }) => {
        await vault.unlock(volumeKey);
        const file = await open(`${vault.dir}/synced.txt`, 'w');
        await file.writeFile(KEPT);
        await file.sync();
        await file.close();
        await syncFolder(vault.dir);
        await writeFile(`${vault.dir}/on-its-way.txt`, KEPT.repeat(1000));
        await copyImage(bench.path('device.img'), bench.path('pulled.img'));
        const again = vaultOf(await bench.mount(bench.path('pulled.img')));
        await again.unlock(volumeKey);
        assert.equal(await readFile(`${again.dir}/synced.txt`, 'utf8'), KEPT);
        await writeFile(`${again.dir}/new.txt`, 'it can be written to');
      },
    );
  });
}

/** All of a sparse file but its holes. */
async function storedBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const pieces: Buffer[] = [];
    for (const { offsetBytes, lengthBytes } of dataRanges(file.fd, (await file.stat()).size)) {
      const piece = Buffer.alloc(lengthBytes);
      await file.read(piece, 0, lengthBytes, offsetBytes);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } finally {
    await file.close();
  }
}
