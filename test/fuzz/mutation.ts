// Changes that turn valid input into input that a parser was not made for.
import type { Random } from './random.ts';

/** The longest that mutated input becomes, in bytes. */
const INPUT_MAX_BYTES = 16 * 1024;
const CHANGES_MAX = 4;
const RUN_MAX_BYTES = 64;
/** Numbers at which lengths and counts break. */
const EXTREMES: readonly bigint[] = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const EXTREME_TEXTS = [
  '0',
  '-1',
  '-0',
  '1e999',
  '9007199254740993',
  '99999999999999999999999',
  '"',
  '\\',
  '{',
  '[[[[[[[[',
  'null',
  '"__proto__":',
  '..',
  '/',
  '\n',
  '\r\n',
  '\0',
  '\ud800',
  '\u2028',
  ' ',
  '%s',
];

/** `seed` after one to four changes; `others` are what runs may be taken from. */
export function mutate(seed: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = seed;
  const count = 1 + random.below(CHANGES_MAX);
  for (let i = 0; i < count; i++) {
    bytes = random.of(CHANGES)(bytes, others, random);
    if (bytes.length > INPUT_MAX_BYTES) bytes = bytes.subarray(0, INPUT_MAX_BYTES);
  }
  return bytes;
}

type Change = (bytes: Uint8Array, others: readonly Uint8Array[], random: Random) => Uint8Array;

const CHANGES: readonly Change[] = [
  flipBit,
  setByte,
  cutEnd,
  cutRun,
  insertNoise,
  repeatRun,
  swapRuns,
  spliceOther,
  setNumber,
  setNumber,
  setVarint,
  insertText,
];

function flipBit(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  if (bytes.length === 0) return bytes;
  const at = random.below(bytes.length);
  return bytes.with(at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
}

function setByte(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  if (bytes.length === 0) return bytes;
  return bytes.with(random.below(bytes.length), random.of([0, 1, 0x7f, 0x80, 0xff, random.below(256)]));
}

function cutEnd(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  return bytes.subarray(0, random.below(bytes.length + 1));
}

function cutRun(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  const { start, end } = runOf(bytes, random);
  return replace(bytes, start, end, []);
}

function insertNoise(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  const noise = Uint8Array.from({ length: 1 + random.below(RUN_MAX_BYTES) }, () => random.below(256));
  const at = random.below(bytes.length + 1);
  return replace(bytes, at, at, [noise]);
}

function repeatRun(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  const { start, end } = runOf(bytes, random);
  const run = bytes.subarray(start, end);
  return replace(bytes, end, end, Array(1 + random.below(3)).fill(run));
}

function swapRuns(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  const { start, end } = runOf(bytes, random);
  const after = bytes.subarray(end, end + random.below(RUN_MAX_BYTES));
  return replace(bytes, start, end + after.length, [after, bytes.subarray(start, end)]);
}

function spliceOther(bytes: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  const other = random.of(others);
  const { start, end } = runOf(bytes, random);
  const taken = runOf(other, random);
  return replace(bytes, start, end, [other.subarray(taken.start, taken.end)]);
}

function setNumber(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  const value = random.of(EXTREMES);
  const length = random.of([2, 4, 8]);
  const number = Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  if (random.below(4) === 0) number.reverse();
  const at = random.below(bytes.length + 1);
  return replace(bytes, at, Math.min(bytes.length, at + length), [number]);
}

function setVarint(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  const number: number[] = [];
  let rest = random.of(EXTREMES);
  for (; rest > 0x7fn; rest >>= 7n) number.push(Number(rest & 0x7fn) | 0x80);
  number.push(Number(rest));
  const at = random.below(bytes.length + 1);
  return replace(bytes, at, Math.min(bytes.length, at + 1), [Uint8Array.from(number)]);
}

function insertText(bytes: Uint8Array, _: unknown, random: Random): Uint8Array {
  const { start, end } = runOf(bytes, random);
  return replace(bytes, start, random.below(2) === 0 ? start : end, [Buffer.from(random.of(EXTREME_TEXTS))]);
}

function runOf(bytes: Uint8Array, random: Random): { start: number; end: number } {
  const start = random.below(bytes.length + 1);
  return { start, end: Math.min(bytes.length, start + random.below(RUN_MAX_BYTES)) };
}

function replace(
  bytes: Uint8Array,
  start: number,
  end: number,
  parts: readonly ArrayLike<number>[],
): Uint8Array {
  const inserted = parts.reduce((sum, part) => sum + part.length, 0);
  const changed = new Uint8Array(bytes.length - (end - start) + inserted);
  changed.set(bytes.subarray(0, start));
  let at = start;
  for (const part of parts) {
    changed.set(part, at);
    at += part.length;
  }
  changed.set(bytes.subarray(end), at);
  return changed;
}
