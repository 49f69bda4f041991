// Keyrings as the user meets them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Decrypter, Encrypter, webauthn } from 'age-encryption';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { decodePasskeySlot } from '../../src/core/passkey-slot.ts';
import { open } from '../../src/sync/age/age.ts';
import { passkeyNonceOf, prfInputsOf } from '../../src/sync/age/age-passkey.ts';
import {
  addPasskeySlot,
  addPassphraseSlot,
  addRecoverySlot,
  createKeyring,
  type OpenKeyring,
  openWithPasskey,
  openWithPassphrase,
  openWithRecoveryKey,
  removeSlot,
} from '../../src/sync/keyring/keyring-file.ts';
import { peekPasskeys } from '../../src/sync/keyring/passkeys.ts';
import { run } from '../../src/sync/process.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';
import { Authenticator } from './support/authenticator.ts';

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

  describe('with a passkey', () => {
    const authenticator = new Authenticator();
    const nonce = new Uint8Array(randomBytes(16));
    const passkey = {
      ...{ label: 'my laptop', createdAtMs: 3, credentialId: authenticator.credentialId },
      ...{ rpId: 'localhost', transports: ['internal'] },
    };
    let withPasskey: OpenKeyring;

    before(async () => {
      const prf = authenticator.answer(prfInputsOf(nonce));
      withPasskey = await addPasskeySlot(made, { ...passkey, nonce, prf });
    });

    it('opens with what the authenticator answers to what the slot asks', async () => {
      const [request, ...others] = peekPasskeys(withPasskey.bytes);
      assert.ok(request !== undefined && others.length === 0);
      assert.deepEqual(
        [request.label, request.credentialId, request.rpId, request.transports],
        ['my laptop', toHex(passkey.credentialId), 'localhost', ['internal']],
      );
      const prf = authenticator.answer({
        first: Buffer.from(request.first, 'hex'),
        second: Buffer.from(request.second, 'hex'),
      });
      const opened = await openWithPasskey(withPasskey.bytes, prf);
      assert.deepEqual([opened.secrets, opened.provenIndex], [made.secrets, 1]);
      assert.deepEqual((await openWithPassphrase(withPasskey.bytes, 'correct horse')).secrets, made.secrets);
    });

    it('is refused with another authenticator, another nonce, and when its slot was taken away', async () => {
      const prf = authenticator.answer(prfInputsOf(nonce));
      const others = [
        new Authenticator().answer(prfInputsOf(nonce)),
        authenticator.answer(prfInputsOf(new Uint8Array(16))),
      ];
      for (const other of others)
        await expectCode('KEYRING_NO_IDENTITY', () => openWithPasskey(withPasskey.bytes, other));
      await expectCode('KEYRING_NO_IDENTITY', () => openWithPasskey(removeSlot(withPasskey, 1).bytes, prf));
    });

    it('opens no pod but its own, though its slot was put there', async () => {
      const other = await createKeyring(first);
      const prf = authenticator.answer(prfInputsOf(nonce));
      const slots = [...other.keyring.slots, ...withPasskey.keyring.slots.slice(1)];
      const forged = await addPasskeySlot(
        { ...other, keyring: { ...other.keyring, slots } },
        { ...passkey, nonce: new Uint8Array(16), prf: new Uint8Array(64) },
      );
      await expectCode('KEYRING_DAMAGED', () => openWithPasskey(forged.bytes, prf));
    });

    it('has a slot that the age library’s part for browsers opens, and opens what that sealed', async () => {
      const slot = decodePasskeySlot(withPasskey.keyring.slots[1]?.sealed ?? assert.fail());
      const decrypter = new Decrypter();
      const encrypter = new Encrypter();
      await authenticator.inBrowser(async () => {
        decrypter.addIdentity(new webauthn.WebAuthnIdentity({ rpId: 'localhost' }));
        const json = JSON.parse(await decrypter.decrypt(slot.file, 'text')) as Record<string, unknown>;
        assert.equal(json.identity, made.secrets.identity);
        encrypter.addRecipient(new webauthn.WebAuthnRecipient({ rpId: 'localhost' }));
        const file = await encrypter.encrypt('sealed by the library');
        const prf = authenticator.answer(prfInputsOf(passkeyNonceOf(file) ?? assert.fail()));
        assert.deepEqual(await open(file, { prf }), utf8('sealed by the library'));
      });
    });
  });
});
