// What runs inside a guest: mocha with the suite that the argument names; each outcome is told at once.
import { inspect } from 'node:util';
import Mocha from 'mocha';
import { type End, type Outcome, titleOf } from './outcome.ts';
import { SUITES } from './suites.ts';

const TIMEOUT_MS = 240_000;

const mocha = new Mocha({ timeout: TIMEOUT_MS, reporter: class {} as never });
mocha.suite.emit('pre-require', globalThis, '', mocha);
const describeSuite = SUITES[process.argv[2] ?? ''];
if (describeSuite === undefined) throw new Error(`no suite ${process.argv[2]}`);
describeSuite();

let testCount = 0;
const runner = mocha.run(() => tell({ testCount }));
runner.on('pass', (test) => note(test));
runner.on('fail', (test, error: unknown) => note(test, inspect(error, { depth: 4 })));

function note(test: Mocha.Runnable, failure?: string): void {
  testCount += 1;
  const outcome = { title: titleOf(test.titlePath()), durationMs: test.duration ?? 0 };
  tell(failure === undefined ? outcome : { ...outcome, failure });
}

function tell(line: Outcome | End): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
