// What every parser of bytes must bear: mutated input, cut input, flipped bytes.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DeskPodError, type ErrorCode } from '../../src/core/errors.ts';
import { hashing } from '../../src/sync/hashing.ts';

export const sealing = { hashing, logKey: new Uint8Array(32).fill(7) };

export function bytesOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

/** Objects with the given fields, and with the prototype that decoders give theirs. */
export function objectOf<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

/** The error that `act` throws; fails if it throws none, or another kind. */
export function errorOf(act: () => unknown): DeskPodError {
  try {
    act();
  } catch (error) {
    if (error instanceof DeskPodError) return error;
    throw error;
  }
  return assert.fail('expected an error, got none');
}

/** Fails unless `act` throws a DeskPodError with one of `codes`. */
export function assertCode(act: () => unknown, ...codes: ErrorCode[]): void {
  const { code, message } = errorOf(act);
  assert.ok(codes.includes(code), `expected ${codes}, got ${code}: ${message}`);
}

/** Every prefix of `bytes` and every change of one byte must end in one of `codes`. */
export function assertDamageIsFound(
  bytes: Uint8Array,
  parse: (bytes: Uint8Array) => unknown,
  ...codes: ErrorCode[]
): void {
  assertTruncationIsFound(bytes, parse, ...codes);
  for (let i = 0; i < bytes.length; i++) {
    for (const bit of [0x01, 0x80]) {
      const flipped = bytes.slice();
      flipped[i] = (flipped[i] ?? 0) ^ bit;
      assertCode(() => parse(flipped), ...codes);
    }
  }
}

/** Every prefix of `bytes` must end in one of `codes`. */
export function assertTruncationIsFound(
  bytes: Uint8Array,
  parse: (bytes: Uint8Array) => unknown,
  ...codes: ErrorCode[]
): void {
  for (let length = 0; length < bytes.length; length++)
    assertCode(() => parse(bytes.subarray(0, length)), ...codes);
}

/** Runs `parse` on 10,000 mutations of `seeds`: it may return or throw one of `codes`, nothing else. */
export function assertParserIsTotal(
  seeds: readonly Uint8Array[],
  parse: (bytes: Uint8Array) => unknown,
  ...codes: ErrorCode[]
): void {
  const seed = fc.constantFrom(...seeds);
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    kind: fc.constantFrom('set', 'cut', 'insert', 'huge'),
    value: fc.nat(255),
  });
  const property = fc.property(seed, fc.array(change, { minLength: 1, maxLength: 6 }), (start, changes) => {
    let bytes = start;
    for (const { at, kind, value } of changes)
      bytes = mutate(bytes, Math.floor(at * bytes.length), kind, value);
    try {
      parse(bytes);
    } catch (error) {
      if (error instanceof DeskPodError && codes.includes(error.code)) return;
      throw error;
    }
  });
  fc.assert(property, { numRuns: 10_000 });
}

function mutate(bytes: Uint8Array, at: number, kind: string, value: number): Uint8Array {
  const start = bytes.slice(0, at);
  const rest = bytes.slice(at);
  if (kind === 'cut') return start;
  if (kind === 'insert') return new Uint8Array([...start, value, ...rest]);
  const changed = bytes.slice();
  changed.fill(kind === 'huge' ? 0xff : value, at, at + (kind === 'huge' ? 4 : 1));
  return changed;
}
