// What every kind of vault keeps: one suite, run for each kind that this host can open.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { findVaultKind, type VaultKind } from '../../src/session/vault/vault.ts';
import { run } from '../../src/sync/process.ts';
import { failureOf, holdOpen, kill, MEBIBYTE } from './device-bench.ts';
import { type Register, type VaultBench, withVault } from './vault-bench.ts';

const SECRET = 'the secret of the pod, which must not be found on the device';

/** Registers the suite for one kind of vault. */
export function describeVaultContract(kind: VaultKind, register: Register = it): void {
  const holds = (title: string, body: (bench: VaultBench) => Promise<void>): unknown =>
    register(title, () => withVault(kind, body));

  describe(`a vault of kind ${kind}`, () => {
    holds(
      'is made empty and unlocked, and is found again by its kind',
      async ({ place, vault, volumeKey }) => {
        assert.equal(await findVaultKind(place), undefined);
        assert.equal(await vault.isUnlocked(), false);
        await vault.create(volumeKey);
        assert.equal(await vault.isUnlocked(), true);
        assert.deepEqual(
          (await readdir(vault.dir)).filter((name) => name !== 'lost+found'),
          [],
        );
        assert.equal(await findVaultKind(place), kind);
      },
    );

    holds('cannot be made twice', async ({ vault, volumeKey }) => {
      await vault.create(volumeKey);
      await failureOf('VAULT_FAILED', () => vault.create(randomBytes(64)));
      await vault.lock();
      await failureOf('VAULT_FAILED', () => vault.create(volumeKey));
    });

    holds(
      'shows neither names nor bytes when it is locked, and the same ones when it is unlocked',
      async ({ vault, volumeKey }) => {
        await vault.create(volumeKey);
        await mkdir(`${vault.dir}/layer/upper`, { recursive: true });
        const bytes = randomBytes(3 * MEBIBYTE + 17);
        await writeFile(`${vault.dir}/layer/upper/diary.bin`, bytes);
        await writeFile(`${vault.dir}/secret.txt`, SECRET);
        await vault.lock();
        assert.equal(await vault.isUnlocked(), false);
        const { stdout } = await run('find', [vault.dir]);
        assert.doesNotMatch(stdout, /diary|secret|layer/);
        await assert.rejects(readFile(`${vault.dir}/secret.txt`));
        await assert.rejects(writeFile(`${vault.dir}/layer/new.txt`, 'x'));

        await vault.unlock(volumeKey);
        assert.equal(await vault.isUnlocked(), true);
        assert.deepEqual(await readFile(`${vault.dir}/layer/upper/diary.bin`), bytes);
        assert.equal(await readFile(`${vault.dir}/secret.txt`, 'utf8'), SECRET);
      },
    );

    holds(
      'leaves no plaintext on the device, and opens after the device was unplugged',
      async ({ bench, device, vault, volumeKey, vaultOf }) => {
        await vault.create(volumeKey);
        await writeFile(`${vault.dir}/named-in-clear.txt`, SECRET.repeat(1000));
        await vault.lock();
        await device.unmount();
        const image = await readFile(bench.path('device.img'));
        assert.equal(image.includes(SECRET), false);
        assert.equal(image.includes('named-in-clear'), false);
        assert.equal(image.includes(Buffer.from(volumeKey.subarray(0, 32))), false);

        const again = vaultOf(await bench.mount(bench.path('device.img')));
        assert.equal(await again.isUnlocked(), false);
        await again.unlock(volumeKey);
        assert.equal(
          (await readFile(`${again.dir}/named-in-clear.txt`, 'utf8')).length,
          SECRET.length * 1000,
        );
      },
    );

    holds(
      'refuses another key before anything is changed, and then takes the right one',
      async ({ vault, volumeKey }) => {
        await vault.create(volumeKey);
        await writeFile(`${vault.dir}/kept.txt`, 'kept');
        await vault.lock();
        const failure = await failureOf('VAULT_FAILED', () => vault.unlock(randomBytes(64)));
        assert.match(failure.message, /key is not the one/);
        assert.equal(await vault.isUnlocked(), false);
        await vault.unlock(volumeKey);
        assert.equal(await readFile(`${vault.dir}/kept.txt`, 'utf8'), 'kept');
      },
    );

    holds('refuses what is no key, and leaves the key to its owner', async ({ vault, volumeKey }) => {
      await assert.rejects(vault.create(new Uint8Array(32)), TypeError);
      await assert.rejects(vault.create(new Uint8Array(64)), TypeError);
      const copy = Uint8Array.from(volumeKey);
      await vault.create(volumeKey);
      await vault.lock();
      await vault.unlock(volumeKey);
      assert.deepEqual(Uint8Array.from(volumeKey), copy);
    });

    holds('can be locked and unlocked twice in a row', async ({ vault, volumeKey }) => {
      await vault.create(volumeKey);
      await vault.lock();
      await vault.lock();
      await vault.unlock(volumeKey);
      await vault.unlock(volumeKey);
      assert.equal(await vault.isUnlocked(), true);
    });

    holds('says that there is no vault', async ({ vault, volumeKey }) => {
      await failureOf('VAULT_FAILED', () => vault.unlock(volumeKey));
      await vault.lock();
    });

    holds(
      'names the process that keeps a file open instead of locking, and locks when it is gone',
      async ({ bench, vault, volumeKey }) => {
        await vault.create(volumeKey);
        await writeFile(`${vault.dir}/open.txt`, SECRET);
        const holder = await holdOpen(`${vault.dir}/open.txt`);
        bench.atEnd(() => kill(holder));
        const failure = await failureOf('VAULT_FAILED', () => vault.lock());
        assert.match(failure.message, new RegExp(`pid ${holder.pid}\\) with .*open\\.txt`));
        await kill(holder);
        await vault.lock();
        assert.equal(await vault.isUnlocked(), false);
        await assert.rejects(readFile(`${vault.dir}/open.txt`));
        await vault.unlock(volumeKey);
        assert.equal(await readFile(`${vault.dir}/open.txt`, 'utf8'), SECRET);
      },
    );

    holds('unlocks again after a lock that failed', async ({ vault, volumeKey }) => {
      await vault.create(volumeKey);
      await writeFile(`${vault.dir}/open.txt`, SECRET);
      const file = await open(`${vault.dir}/open.txt`);
      await failureOf('VAULT_FAILED', () => vault.lock());
      await vault.unlock(volumeKey);
      assert.equal(await vault.isUnlocked(), true);
      assert.equal(await readFile(`${vault.dir}/open.txt`, 'utf8'), SECRET);
      await file.close();
    });

    holds(
      "bears an overlay's upper layer: programs, links, renames, removals; locked after its unmount",
      async ({ bench, vault, volumeKey }) => {
        await vault.create(volumeKey);
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
  });
}
