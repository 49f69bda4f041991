// The kinds of vault that this host can open, each held to the contract; and the choice between them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { keyIdentifierOf } from '../../src/session/vault/fscrypt-key.ts';
import {
  chooseVault,
  findVaultKind,
  preferVaultKind,
  probeVaultKinds,
} from '../../src/session/vault/vault.ts';
import { run } from '../../src/sync/process.ts';
import { DeviceBench, failureOf } from './device-bench.ts';
import { describeVaultContract } from './vault-contract.ts';

const reports = await probeVaultKinds();
for (const { kind } of reports.filter(({ isUsable }) => isUsable)) describeVaultContract(kind);

describe('the kinds of vault', () => {
  let bench: DeviceBench;
  beforeEach(async () => {
    bench = await DeviceBench.open();
  });
  afterEach(() => bench.close());

  it('are each usable, or named with what is missing', async () => {
    assert.deepEqual(reports.map(({ kind }) => kind).sort(), ['fscrypt', 'luks']);
    for (const { isUsable, missing } of reports) {
      assert.equal(isUsable, missing === undefined);
      if (missing !== undefined) assert.match(missing, /CONFIG_|package/);
    }
    const usable = reports.find(({ isUsable }) => isUsable);
    if (usable !== undefined) assert.equal(await preferVaultKind(), usable.kind);
  });

  it('derive the identifier of an fscrypt key as the kernel does', () => {
    // Counted from the kernel's own answer to FS_IOC_ADD_ENCRYPTION_KEY for the bytes 0 to 63.
    const key = Uint8Array.from({ length: 64 }, (_, index) => index);
    assert.equal(keyIdentifierOf(key), '8699c2c53707405da5aba5ae4d8583c0');
  });

  it('refuse a folder with unencrypted files in the place of the vault', async () => {
    const { mountDir, staging } = await bench.mounted();
    await mkdir(`${mountDir}/vault`);
    await writeFile(`${mountDir}/vault/planted`, 'by somebody');
    const place = { mountDir, stagingId: staging.id };
    assert.equal(await findVaultKind(place), undefined);
    const vault = chooseVault('fscrypt', place);
    await failureOf('VAULT_FAILED', () => vault.create(randomBytes(64)));
    await failureOf('VAULT_FAILED', () => vault.unlock(randomBytes(64)));
    assert.equal(await readFile(`${mountDir}/vault/planted`, 'utf8'), 'by somebody');
  });

  it('refuse a LUKS header that names another cipher', async () => {
    const { mountDir, staging } = await bench.mounted();
    const key = randomBytes(64);
    await run('truncate', ['-s', '32M', `${mountDir}/vault.luks`]);
    const weak = ['--cipher', 'aes-cbc-essiv:sha256', '--key-size', '256', '--pbkdf', 'pbkdf2'];
    const fast = ['--pbkdf-force-iterations', '1000', '--key-file=-'];
    await run(
      'cryptsetup',
      ['luksFormat', '--batch-mode', '--type', 'luks2', ...weak, ...fast, `${mountDir}/vault.luks`],
      {
        input: key,
      },
    );
    const vault = chooseVault('luks', { mountDir, stagingId: staging.id });
    const failure = await failureOf('VAULT_FAILED', () => vault.unlock(key));
    assert.match(failure.message, /names the cipher aes-cbc-essiv/);
  });
});
