// The recovery key as people meet it: printed in groups, typed from paper, and its typing errors found.
import { bech32After, bech32Holds, BECH32_LETTERS as LETTERS } from './bech32.ts';
import { DeskPodError } from './errors.ts';

/** How every recovery key begins; the same for all, so that it may be left out when it is typed. */
export const RECOVERY_KEY_PREFIX = 'AGE-SECRET-KEY-1';
const PREFIX_TYPED = /^AGESECRETKEY[1IL]/;
/** Worked out once, as two thousand keys are tried to find what is wrong with one. */
const CHECKSUM_AFTER_PREFIX = bech32After(RECOVERY_KEY_PREFIX.slice(0, -1));
const LETTER_COUNT = 58;
const GROUP_LETTERS = 4;
const GROUPS_A_LINE = 5;
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

function checksumHolds(values: readonly number[]): boolean {
  return bech32Holds(CHECKSUM_AFTER_PREFIX, values);
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
