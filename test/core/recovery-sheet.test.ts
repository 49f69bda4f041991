// What is read back from a recovery sheet: its code, its printed lines, or a key alone as older sheets have it.
import assert from 'node:assert/strict';
import { normalizeRecoveryKey, recoveryKeyGroups } from '../../src/core/recovery-key.ts';
import { type RecoverySheet, readSheet, sheetCode } from '../../src/core/recovery-sheet.ts';
import { generateIdentity } from '../../src/sync/age/age.ts';

describe('a recovery sheet', () => {
  let key: string;
  let sheet: RecoverySheet;
  before(async () => {
    key = await generateIdentity();
    sheet = {
      ...{ podName: 'papers', podId: 'ab'.repeat(16), label: 'notary', createdAtMs: 0, recoveryKey: key },
      homes: ['/srv/home', 'ssh://me@house:22/srv/pods', 'rsync://me@house/module'],
    };
  });

  it('is read from its code, which readers of a key alone take for that key', () => {
    const code = sheetCode(sheet);
    assert.deepEqual(readSheet(code), { recoveryKey: key, podId: sheet.podId, homes: sheet.homes });
    assert.equal(normalizeRecoveryKey(code), key);
    assert.deepEqual(readSheet(key.toLowerCase()), { recoveryKey: key, podId: undefined, homes: [] });
  });

  it('is read from what is printed on it, and from what is typed off it', () => {
    const printed = [
      'DeskPod recovery key',
      'pod    papers',
      `id     ${sheet.podId}`,
      'slot   notary',
      'home   /srv/home of mine',
      `home   ${'_'.repeat(40)}`,
      '',
      '█▀▀ ▄█▄',
      '',
      '    AGE-SECRET-KEY-1',
      ...recoveryKeyGroups(key).map((line) => `    ${line.join(' ')}`),
      '',
      'Spaces, line breaks and lower case do not matter when it is typed.',
    ];
    const read = readSheet(printed.join('\r\n'));
    assert.deepEqual(read, { recoveryKey: key, podId: sheet.podId, homes: ['/srv/home of mine'] });
    const groups = recoveryKeyGroups(key).map((line) => line.join(' ').toLowerCase());
    assert.deepEqual(readSheet([...groups, 'home me@house:/srv/home'].join('\n')), {
      recoveryKey: key,
      podId: undefined,
      homes: ['me@house:/srv/home'],
    });
  });

  it('has a code that stays small, whatever homes there are', () => {
    const homes = Array.from({ length: 100 }, (_, at) => `/srv/a home with a long name, number ${at}`);
    const code = sheetCode({ ...sheet, homes: [...homes, '/srv/\n#home evil'] });
    assert.ok(code.length <= 360, `${code.length}`);
    assert.deepEqual(readSheet(code).homes, homes.slice(0, readSheet(code).homes.length));
    assert.equal(readSheet(code).recoveryKey, key);
  });

  it('that was mistyped says in which group, as a key does', () => {
    const letter = key.charAt(20) === 'Q' ? 'P' : 'Q';
    const wrong = `${key.slice(0, 20)}${letter}${key.slice(21)}`;
    assert.throws(() => readSheet(wrong), {
      code: 'KEYRING_NO_IDENTITY',
      message: /the error is in group 2/,
    });
    assert.throws(() => readSheet('home /srv/home'), { code: 'KEYRING_NO_IDENTITY' });
  });
});
