// JSON that is well-formed and says what nobody expects.
import type { Random } from './random.ts';

const HOSTILE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  -0,
  2 ** 53,
  1e308,
  '',
  '..',
  '../../etc',
  '\0',
  '\u001b[2J',
  '\ud800',
  'x'.repeat(1000),
  [],
  {},
  [[[[[[[[[[]]]]]]]]]],
  [null],
  { toString: 1, valueOf: null },
  { length: -1 },
  { constructor: { prototype: {} } },
];

/** One of `samples` with one to three of its values exchanged, its fields lost, or strange ones added. */
export function hostileJson(samples: readonly unknown[], random: Random): Uint8Array {
  let value: unknown = structuredClone(random.of(samples));
  const count = 1 + random.below(3);
  for (let i = 0; i < count; i++) value = exchange(value, random);
  const text = JSON.stringify(value) ?? 'null';
  // JSON.stringify would make this the prototype
  return Buffer.from(random.below(8) === 0 ? text.replace('{', '{"__proto__":{"type":1},') : text);
}

/** A copy: what is put into a value may be changed there. */
function hostile(random: Random): unknown {
  return structuredClone(random.of(HOSTILE));
}

function exchange(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.below(8) === 0) return hostile(random);
  const fields = value as Record<string, unknown>;
  const names = Object.keys(fields);
  if (!Array.isArray(value) && (names.length === 0 || random.below(8) === 0)) {
    fields[random.of(['type', 'v', 'constructor', 'length', '0', 'hasOwnProperty'])] = hostile(random);
    return value;
  }
  if (names.length === 0) return [hostile(random)];
  const name = random.of(names);
  if (random.below(6) === 0) delete fields[name];
  else fields[name] = exchange(fields[name], random);
  return value;
}
