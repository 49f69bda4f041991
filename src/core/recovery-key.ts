// The recovery key as people meet it: printed in groups, typed from paper, and its typing errors found.
import { DeskPodError } from './errors.ts';

/** How every recovery key begins; the same for all, so that it may be left out when it is typed. */
export const RECOVERY_KEY_PREFIX = 'AGE-SECRET-KEY-1';
const PREFIX_TYPED = /^AGESECRETKEY[1IL]/;
/** The letters after the prefix, each worth five bits; 1, B, I and O are none of them. */
const LETTERS = 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L';
const LETTER_COUNT = 58;
const GROUP_LETTERS = 4;
const GROUPS_A_LINE = 5;
const GENERATORS: readonly number[] = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
/** The checksum as it stands after the prefix, which counts as the upper bits of its characters and then their lower. */
const PREFIX_CHECKSUM = prefixValues().reduce(checksumAfter, 1);
/** What can only have been meant one way, as the other is no letter of a key. */
const MEANT: Readonly<Record<string, string>> = { O: '0', I: 'L', '1': 'L' };

/** The letters after the prefix as lines of groups, to be printed and typed. */
export function recoveryKeyGroups(key: string): string[][] {
  const letters = key.slice(RECOVERY_KEY_PREFIX.length);
  const groups = letters.match(new RegExp(`.{1,${GROUP_LETTERS}}`, 'g')) ?? [];
  const lines: string[][] = [];
  for (let i = 0; i < groups.length; i += GROUPS_A_LINE) lines.push(groups.slice(i, i + GROUPS_A_LINE));
  return lines;
}

/**
 * The recovery key in its one spelling. It may have been typed with spaces, dashes and line breaks, in lower case, with
 * O for 0, with I or 1 for L, and without what every key begins with. Lines that begin with `#` are passed over.
 *
 * @throws DeskPodError KEYRING_NO_IDENTITY if it is none; the message says which group of four does not fit, and never
 * repeats a letter
 */
export function normalizeRecoveryKey(typed: string): string {
  const letters = typed
    .replace(/^\s*#.*$/gm, '')
    .replace(/[\s\p{Pd}]/gu, '')
    .toUpperCase()
    .replace(PREFIX_TYPED, '')
    .replace(/[OI1]/g, (letter) => MEANT[letter] ?? letter);
  const strange = [...letters].findIndex((letter) => !LETTERS.includes(letter));
  if (strange >= 0) {
    throw mistyped(`group ${groupAt(strange)} has a character that no recovery key has`, strange);
  }
  if (letters.length !== LETTER_COUNT) {
    throw mistyped(`expected ${LETTER_COUNT} letters after ${RECOVERY_KEY_PREFIX}, got ${letters.length}`);
  }
  const values = [...letters].map((letter) => LETTERS.indexOf(letter));
  if (checksumHolds(values)) return RECOVERY_KEY_PREFIX + letters;
  const wrong = findWrongLetter(values);
  throw wrong === undefined
    ? mistyped('its checksum does not hold, and more than one letter is wrong')
    : mistyped(`its checksum does not hold; the error is in group ${groupAt(wrong)}`, wrong);
}

/** The checksum of Bech32: the last six letters hold it, and any four errors in a key are found. */
function checksumHolds(values: readonly number[]): boolean {
  return values.reduce(checksumAfter, PREFIX_CHECKSUM) === 1;
}

function checksumAfter(sum: number, value: number): number {
  const top = sum >>> 25;
  let next = ((sum & 0x1ffffff) << 5) ^ value;
  for (let bit = 0; bit < GENERATORS.length; bit++) {
    if (((top >>> bit) & 1) === 1) next ^= GENERATORS[bit] ?? 0;
  }
  return next;
}

function prefixValues(): number[] {
  const codes = [...RECOVERY_KEY_PREFIX.slice(0, -1).toLowerCase()].map((letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31)];
}

/** Where one letter was mistyped, or two neighbours exchanged; undefined if neither explains it. */
function findWrongLetter(values: readonly number[]): number | undefined {
  for (const [at, value] of values.entries()) {
    for (let other = 0; other < LETTERS.length; other++) {
      if (other !== value && checksumHolds(values.with(at, other))) return at;
    }
    const next = values[at + 1];
    if (next !== undefined && checksumHolds(values.with(at, next).with(at + 1, value))) return at;
  }
  return undefined;
}

function groupAt(letter: number): number {
  return Math.floor(letter / GROUP_LETTERS) + 1;
}

function mistyped(what: string, at?: number): DeskPodError {
  return new DeskPodError('KEYRING_NO_IDENTITY', `recovery key: ${what}`, {
    hint: 'Compare what you typed with the printed key, group by group.',
    ...(at === undefined ? {} : { details: { group: groupAt(at) } }),
  });
}
