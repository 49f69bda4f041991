// Ten thousand mutated inputs for each parser of what others wrote; `ops/bench fuzz` tries a million.
import { FOREIGN_TARGETS } from '../fuzz/foreign-targets.ts';
import { fuzz } from '../fuzz/fuzzing.ts';

describe('any bytes', () => {
  for (const target of FOREIGN_TARGETS) {
    it(`are a value or a typed error, in time and little memory, where ${target.name} is read`, async () => {
      await fuzz(target, 10_000, Math.floor(Math.random() * 2 ** 31));
    });
  }
});
