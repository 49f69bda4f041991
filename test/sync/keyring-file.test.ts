// Keyrings as the user meets them.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  addPassphraseSlot,
  addRecoverySlot,
  createKeyring,
  type OpenKeyring,
  openWithPassphrase,
  openWithRecoveryKey,
  removeSlot,
} from '../../src/sync/keyring/keyring-file.ts';
import { run } from '../../src/sync/process.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';

const first = { label: 'my passphrase', createdAtMs: 1, passphrase: 'correct horse', workFactor: 4 };

describe('a keyring', () => {
  const folder = scratchFolder();
  let made: OpenKeyring;
  let withRecovery: OpenKeyring & { recoveryKey: string };

  before(async () => {
    made = await createKeyring(first);
    withRecovery = await addRecoverySlot(made, { label: 'paper', createdAtMs: 2 });
  });

  it('opens with its passphrase to the same secrets', async () => {
    const opened = await openWithPassphrase(made.bytes, 'correct horse');
    assert.deepEqual(opened.secrets, made.secrets);
    assert.equal(opened.keyring.generation, 1);
    assert.equal(made.secrets.volumeKey.length, 64);
  });

  it('has secrets of its own each time', async () => {
    const other = await createKeyring(first);
    assert.notDeepEqual(other.secrets.logKey, made.secrets.logKey);
    assert.notEqual(other.secrets.identity, made.secrets.identity);
    assert.notDeepEqual(other.secrets.podId, made.secrets.podId);
  });

  it('refuses a wrong passphrase and a wrong recovery key', async () => {
    await expectCode('PASSPHRASE_WRONG', () => openWithPassphrase(made.bytes, 'wrong'));
    await expectCode('KEYRING_NO_IDENTITY', () => openWithRecoveryKey(made.bytes, withRecovery.recoveryKey));
  });

  it('opens with the recovery key, typed with spaces, line breaks or in lower case', async () => {
    const spaced = withRecovery.recoveryKey.toLowerCase().replace(/(.{7})/g, '$1 \n');
    const opened = await openWithRecoveryKey(withRecovery.bytes, spaced);
    assert.deepEqual(opened.secrets, made.secrets);
    assert.deepEqual(
      opened.keyring.slots.map((slot) => [slot.kind, slot.label]),
      [
        ['passphrase', 'my passphrase'],
        ['recovery', 'paper'],
      ],
    );
  });

  it('gains and loses slots without changing the secrets', async () => {
    const second = { label: 'second', createdAtMs: 3, passphrase: 'battery staple', workFactor: 4 };
    const grown = await addPassphraseSlot(withRecovery, second);
    assert.equal(grown.keyring.generation, 3);
    assert.deepEqual((await openWithPassphrase(grown.bytes, 'battery staple')).secrets, made.secrets);
    const shrunk = removeSlot(grown, 0);
    await expectCode('PASSPHRASE_WRONG', () => openWithPassphrase(shrunk.bytes, 'correct horse'));
    assert.deepEqual((await openWithPassphrase(shrunk.bytes, 'battery staple')).secrets, made.secrets);
    assert.throws(() => removeSlot(made, 0), RangeError);
    assert.throws(() => removeSlot(grown, 9), RangeError);
  });

  it('is damaged if a byte of it changed', async () => {
    const changed = withRecovery.bytes.slice();
    const at = Buffer.from(changed).indexOf('paper');
    changed[at] = 0x50;
    await expectCode('KEYRING_DAMAGED', () => openWithPassphrase(changed, 'correct horse'));
    await expectCode('KEYRING_DAMAGED', () => openWithPassphrase(changed.subarray(0, 60), 'correct horse'));
  });

  it('has slots that the age program opens', async () => {
    const slot = withRecovery.keyring.slots[1];
    assert.ok(slot);
    await writeFile(join(folder(), 'key'), withRecovery.recoveryKey);
    await writeFile(join(folder(), 'slot.age'), slot.sealed);
    const { stdout } = await run('age', ['-d', '-i', join(folder(), 'key'), join(folder(), 'slot.age')]);
    const json: unknown = JSON.parse(stdout);
    assert.ok(typeof json === 'object' && json !== null && 'identity' in json);
    assert.equal(json.identity, made.secrets.identity);
  });
});
