// Age files.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption';
import {
  bytesAccess,
  generateIdentity,
  open,
  recipientOf,
  SealedFile,
  seal,
} from '../../src/sync/age/age.ts';
import { encodeHeader } from '../../src/sync/age/age-header.ts';
import { run } from '../../src/sync/process.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';

const PIECE = 64 * 1024;
const LENGTHS = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7];

describe('an age file', () => {
  const folder = scratchFolder();
  let identity: string;
  let recipient: string;

  before(async () => {
    identity = await generateIdentity();
    recipient = await recipientOf(identity);
  });

  it('is sealed to the recipient that age has for an identity', async () => {
    assert.equal(recipient, await identityToRecipient(identity));
    await assert.rejects(
      recipientOf(identity.replace(/.$/, (last) => (last === 'Q' ? 'P' : 'Q'))),
      TypeError,
    );
    await assert.rejects(seal(new Uint8Array(1), { recipient: `${recipient}q` }), TypeError);
  });

  it('opens to what was sealed, at every length around its pieces', async () => {
    for (const length of LENGTHS) {
      const plain = new Uint8Array(randomBytes(length));
      assert.deepEqual(await open(await seal(plain, { recipient }), { identity }), plain);
    }
  });

  it('is one that the age program opens, and opens one that the age program made', async () => {
    await writeFile(join(folder(), 'identity'), identity);
    // of an empty text the program makes no file
    for (const length of LENGTHS.slice(1)) {
      const plain = randomBytes(length);
      await writeFile(join(folder(), 'sealed.age'), await seal(plain, { recipient }));
      await run('age', [
        '-d',
        '-i',
        join(folder(), 'identity'),
        '-o',
        join(folder(), 'plain'),
        join(folder(), 'sealed.age'),
      ]);
      assert.deepEqual(await readFile(join(folder(), 'plain')), plain);
      await run('age', ['-r', recipient, '-o', join(folder(), 'theirs.age'), join(folder(), 'plain')]);
      assert.deepEqual(
        Buffer.from(await open(await readFile(join(folder(), 'theirs.age')), { identity })),
        plain,
      );
    }
  });

  it('opens with a passphrase, which any age library opens too', async () => {
    const plain = new Uint8Array(randomBytes(100));
    const sealed = await seal(plain, { passphrase: 'correct horse', workFactor: 10 });
    assert.deepEqual(await open(sealed, { passphrase: 'correct horse' }), plain);
    const decrypter = new Decrypter();
    decrypter.addPassphrase('correct horse');
    assert.deepEqual(await decrypter.decrypt(sealed), plain);
    const encrypter = new Encrypter();
    encrypter.setPassphrase('battery');
    encrypter.setScryptWorkFactor(10);
    assert.deepEqual(await open(await encrypter.encrypt(plain), { passphrase: 'battery' }), plain);
  });

  it('tells a wrong passphrase and a wrong identity from damage', async () => {
    const byPassphrase = await seal(randomBytes(10), { passphrase: 'a', workFactor: 4 });
    await expectCode('PASSPHRASE_WRONG', () => open(byPassphrase, { passphrase: 'b' }));
    const other = await generateIdentity();
    const byIdentity = await seal(randomBytes(10), { recipient });
    await expectCode('KEYRING_NO_IDENTITY', () => open(byIdentity, { identity: other }));
    await expectCode('PASSPHRASE_WRONG', () => open(byIdentity, { passphrase: 'a' }));
    await expectCode('KEYRING_NO_IDENTITY', () => open(byPassphrase, { identity }));
  });

  it('is damaged if its share is no point, or of so low an order that the secret would be none', async () => {
    for (const share of [
      new Uint8Array(31),
      new Uint8Array(33),
      new Uint8Array(32),
      Uint8Array.of(1, ...new Uint8Array(31)),
    ]) {
      const text = Buffer.from(share).toString('base64').replaceAll('=', '');
      const header = encodeHeader([{ args: ['X25519', text], body: new Uint8Array(32) }], new Uint8Array(16));
      const file = Buffer.concat([header, new Uint8Array(32)]);
      await expectCode('OBJECT_DAMAGED', () => open(file, { identity }));
    }
  });

  it('refuses work factors that would fill the memory', async () => {
    const sealed = Buffer.from(await seal(randomBytes(10), { passphrase: 'a', workFactor: 10 }));
    const forged = Buffer.from(sealed.toString('latin1').replace(' 10\n', ' 30\n'), 'latin1');
    await expectCode('OBJECT_DAMAGED', () => open(forged, { passphrase: 'a' }));
    await assert.rejects(() => seal(randomBytes(1), { passphrase: 'a', workFactor: 23 }), RangeError);
  });

  it('never opens with a byte changed or cut off', async () => {
    const sealed = await seal(randomBytes(200), { recipient });
    const payloadFrom = Buffer.from(sealed).indexOf('\n--- ') + 1;
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i] = (changed[i] ?? 0) ^ 0x04;
      // a changed stanza can not be told from another identity's
      if (i >= payloadFrom) await expectCode('OBJECT_DAMAGED', () => open(changed, { identity }));
      else await assert.rejects(() => open(changed, { identity }), { name: 'DeskPodError' });
      await assert.rejects(() => open(sealed.subarray(0, i), { identity }), { name: 'DeskPodError' });
    }
  });

  it('finds pieces that are cut off, swapped or doubled', async () => {
    const sealed = await seal(randomBytes(3 * PIECE), { recipient });
    const start = sealed.length - 3 * (PIECE + 16);
    const piece = (index: number) =>
      sealed.subarray(start + index * (PIECE + 16), start + (index + 1) * (PIECE + 16));
    const head = sealed.subarray(0, start);
    for (const order of [
      [0, 1],
      [1, 0, 2],
      [0, 1, 1, 2],
      [0, 2],
    ]) {
      const forged = Buffer.concat([head, ...order.map(piece)]);
      await expectCode('OBJECT_DAMAGED', () => open(forged, { identity }));
    }
  });

  it('reads any run by opening only the pieces that cover it', async () => {
    const plain = new Uint8Array(randomBytes(5 * PIECE + 100));
    const bytes = await seal(plain, { recipient });
    let readBytes = 0;
    const source = bytesAccess(bytes);
    const access = {
      sizeBytes: source.sizeBytes,
      read: (offset: number, length: number) => {
        readBytes += length;
        return source.read(offset, length);
      },
    };
    const file = await SealedFile.open(access, { identity });
    assert.equal(file.plainLength, plain.length);
    for (const [offset, length] of [
      [0, 1],
      [PIECE - 1, 2],
      [PIECE, PIECE],
      [plain.length - 1, 1],
      [3, 4 * PIECE],
      [plain.length, 0],
    ] as const) {
      readBytes = 0;
      assert.deepEqual(await file.read(offset, length), plain.subarray(offset, offset + length));
      assert.ok(readBytes <= (Math.ceil(length / PIECE) + 1) * (PIECE + 16), `${readBytes} for ${length}`);
    }
    await assert.rejects(() => file.read(plain.length, 1), RangeError);
  });
});
