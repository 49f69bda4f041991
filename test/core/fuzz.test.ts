// Ten thousand mutated inputs for each parser of bytes at rest; `ops/bench fuzz` tries a million.
import assert from 'node:assert/strict';
import { CORE_TARGETS } from '../fuzz/core-targets.ts';
import { fuzz, fuzzAgain } from '../fuzz/fuzzing.ts';

const INPUTS = 10_000;

describe('fuzzing', () => {
  const seeds = () => [new Uint8Array(64)];
  const target = (parse: (bytes: Uint8Array) => unknown) => ({ name: 'sample', seeds, parse });

  it('finds an error that is none of ours, and gives it again by its seed and number', async () => {
    const broken = target((bytes) => {
      if (bytes.includes(0xff)) throw new TypeError('no parser throws this');
    });
    const finding: unknown = await fuzz(broken, INPUTS, 1).catch((error: unknown) => error);
    assert.ok(finding instanceof Error);
    const [, index] = /^sample: seed 1, input (\d+) \(.*no parser throws this/s.exec(finding.message) ?? [];
    assert.notEqual(index, undefined);
    await assert.rejects(() => fuzzAgain(broken, 1, Number(index)), TypeError);
  });

  it('finds a parser that believes a length', async () => {
    const greedy = target((bytes) => new Uint8Array((bytes[0] ?? 0) * 100_000));
    await assert.rejects(() => fuzz(greedy, INPUTS, 1), /sample: seed 1, .* allocated \d+ bytes, more than/s);
  });

  it('finds a parser that takes too long', async () => {
    const slow = target((bytes) => {
      const untilMs = performance.now() + (bytes.includes(0x80) ? 150 : 0);
      while (performance.now() < untilMs);
    });
    await assert.rejects(() => fuzz(slow, INPUTS, 1), /sample: seed 1, .* took 1\d\d ms/s);
  });
});

describe('any bytes', () => {
  for (const target of CORE_TARGETS) {
    it(`are a value or a typed error, in time and little memory, where ${target.name} is read`, async () => {
      await fuzz(target, INPUTS, Math.floor(Math.random() * 2 ** 31));
    });
  }
});
