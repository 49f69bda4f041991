// ops/bench fuzz: a million mutated inputs for each parser, or one input again that a run has found.
import { parseArgs } from 'node:util';
import { CORE_TARGETS } from '../../test/fuzz/core-targets.ts';
import { FOREIGN_TARGETS } from '../../test/fuzz/foreign-targets.ts';
import { type FuzzReport, type FuzzTarget, fuzz, fuzzAgain } from '../../test/fuzz/fuzzing.ts';

const USAGE = `usage: ops/bench fuzz [--json] [--count N] [--seed N] [--target NAME]
       ops/bench fuzz --target NAME --seed N --input N    one input again, with the stack of what it throws`;
const TARGETS = [...CORE_TARGETS, ...FOREIGN_TARGETS];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    count: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string' },
    input: { type: 'string' },
  },
});
const [count, seed, input] = [values.count, values.seed, values.input ?? '0'].map(Number);
const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
const [only] = targets;
if (!isWhole(count) || !isWhole(seed) || !isWhole(input) || only === undefined) {
  console.error(`${USAGE}\nparsers: ${TARGETS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
if (values.input !== undefined) console.log(await fuzzAgain(only, seed, input));
else await fuzzAll(targets, count, seed);

async function fuzzAll(targets: readonly FuzzTarget[], count: number, seed: number): Promise<void> {
  const reports: FuzzReport[] = [];
  const findings: { readonly name: string; readonly message: string }[] = [];
  for (const target of targets) {
    try {
      const report = await fuzz(target, count, seed);
      reports.push(report);
      if (!values.json) console.log(describe(report));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      findings.push({ name: target.name, message });
      if (!values.json) console.log(`FOUND ${message}`);
    }
  }
  if (values.json) console.log(JSON.stringify({ date: new Date().toISOString(), seed, reports, findings }));
  process.exitCode = findings.length === 0 ? 0 : 1;
}

function describe({ name, inputs, accepted, slowestMs, largestGrowthBytes, keptBytes }: FuzzReport): string {
  const figures = [
    `${inputs} inputs, ${accepted} valid`,
    `${slowestMs.toFixed(0)} ms`,
    `${Math.ceil(largestGrowthBytes / 1024)} KiB at most`,
    `${(keptBytes / 2 ** 20).toFixed(1)} MiB kept in the end`,
  ];
  return `${name.padEnd(20)} ${figures.join(', ')}`;
}

function isWhole(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}
