// How well a passphrase stands guessing: a plain look, no proof. Pure.

const SHORT = 12;
const FEW_CHARACTERS = 6;
/** A second of work and 128 MiB or more for each guess: nine digits would still be found. */
const DIGITS_ENOUGH = 16;

/**
 * Why a passphrase would not stand somebody who has the drive and time, as part of a sentence; undefined if nothing is
 * seen. It knows no dictionary.
 */
export function weaknessOf(passphrase: string): string | undefined {
  const characters = [...passphrase];
  if (characters.length < SHORT) return `it has ${characters.length} characters, fewer than ${SHORT}`;
  if (new Set(characters).size < FEW_CHARACTERS) return 'it repeats a few characters';
  if (/^[\d\s.-]+$/.test(passphrase) && characters.length < DIGITS_ENOUGH) return 'it has digits only';
  if (isRun(characters)) return 'its characters follow one another in the alphabet';
  return undefined;
}

function isRun(characters: readonly string[]): boolean {
  const codes = characters.map((character) => character.codePointAt(0) ?? 0);
  const step = (codes[1] ?? 0) - (codes[0] ?? 0);
  return codes.every((code, at) => at === 0 || code - (codes[at - 1] ?? 0) === step);
}
