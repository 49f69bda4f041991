// Headers of age files.
import assert from 'node:assert/strict';
import { Encrypter } from 'age-encryption';
import fc from 'fast-check';
import { generateIdentity, open, recipientOf, seal } from '../../src/sync/age/age.ts';
import { decodeHeader, encodeHeader } from '../../src/sync/age/age-header.ts';
import { expectCode } from './expect-code.ts';

const KEY = new Uint8Array(16).fill(7);
const PROOF = 'A'.repeat(43);
const SHORT = 'A'.repeat(4);
const FULL = 'A'.repeat(64);

const stanzas = fc.array(
  fc
    .tuple(
      fc.array(fc.stringMatching(/^[!-~]{1,20}$/), { minLength: 1, maxLength: 4 }),
      fc.uint8Array({ maxLength: 150 }),
    )
    .map(([args, body]) => ({ args, body })),
  { maxLength: 4 },
);

describe('the header of an age file', () => {
  it('comes back from its bytes, and is proven by the key of its file alone', () => {
    fc.assert(
      fc.property(stanzas, (given) => {
        const header = decodeHeader(encodeHeader(given, KEY));
        assert.deepEqual(
          header.stanzas.map(({ args, body }) => ({ args, body: new Uint8Array(body) })),
          given,
        );
        assert.equal(header.isProvenBy(KEY), true);
        assert.equal(header.isProvenBy(KEY.with(3, 8)), false);
      }),
    );
  });

  it('may have stanzas for others, which the age library made', async () => {
    const identity = await generateIdentity();
    const encrypter = new Encrypter();
    encrypter.addRecipient({ wrapFileKey: () => [{ args: ['strange', '1'], body: new Uint8Array(96) }] });
    encrypter.addRecipient(await recipientOf(await generateIdentity()));
    encrypter.addRecipient(await recipientOf(identity));
    const plain = new Uint8Array(20).fill(1);
    assert.deepEqual(await open(await encrypter.encrypt(plain), { identity }), plain);
  });

  it('is read in the one way in which it is written', async () => {
    const whole = ['age-encryption.org/v1', '-> X 1', SHORT, '-> Y', FULL, '', `--- ${PROOF}`, ''];
    const read = (lines: readonly string[]) => decodeHeader(Buffer.from(lines.join('\n'), 'latin1'));
    assert.deepEqual(
      read(whole).stanzas.map(({ args, body }) => [args, body.length]),
      [
        [['X', '1'], 3],
        [['Y'], 48],
      ],
    );
    const faults: readonly (readonly [at: number, line: string])[] = [
      [0, 'age-encryption.org/v2'],
      [0, ''],
      [1, '->'],
      [1, '-> '],
      [1, '-> X  1'],
      [1, '-> X 1 '],
      [1, '-> X 1\r'],
      [1, '-> X \u00e9'],
      [1, '->X 1'],
      [1, '> X 1'],
      [2, `${SHORT}=`],
      [2, `${SHORT}==`],
      [2, 'AAA-'],
      [2, 'AAB'],
      [2, 'A'],
      [2, FULL + SHORT],
      [2, FULL],
      [3, SHORT],
      [5, FULL],
      [6, `---${PROOF}`],
      [6, '---'],
      [6, `--- ${PROOF}=`],
      [6, `--- ${PROOF.slice(1)}`],
      [6, `--- ${PROOF} `],
      [7, SHORT],
    ];
    for (const [at, line] of faults) {
      await expectCode('OBJECT_DAMAGED', async () => read(whole.with(at, line)));
    }
    for (let length = 0; length < whole.length; length++)
      await expectCode('OBJECT_DAMAGED', async () => read(whole.slice(0, length)));
  });

  it('of another file does not fit, though both are for one identity', async () => {
    const identity = await generateIdentity();
    const recipient = await recipientOf(identity);
    const [one, other] = await Promise.all([1, 2].map((byte) => seal(Uint8Array.of(byte), { recipient })));
    const headerLength = (one?.length ?? 0) - 16 - 17;
    const mixed = Buffer.concat([
      one?.subarray(0, headerLength) ?? KEY,
      other?.subarray(headerLength) ?? KEY,
    ]);
    await expectCode('OBJECT_DAMAGED', () => open(mixed, { identity }));
  });
});
