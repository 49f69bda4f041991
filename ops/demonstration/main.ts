// The demonstration's start: which one runs, what is printed, and that nothing stays behind.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT_STATUS } from '../../src/cli/exit-codes.ts';
import { Program } from '../user/program.ts';
import { clearAbandoned, makeWorkplace, type Workplace } from '../user/workplace.ts';
import { demonstrateDesktop } from './desktop.ts';
import { Narration } from './narration.ts';
import { demonstrateTree } from './tree.ts';

const PASSPHRASE = 'correct horse battery staple';
const FOLDER_PREFIX = 'deskpod-demo-';

/** What a demonstration works with. */
export interface Stage {
  readonly narration: Narration;
  readonly program: Program;
  readonly workplace: Workplace;
  readonly passphraseFile: string;
  readonly signal: AbortSignal;
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const narration = new Narration();
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
}

const isRoot = process.getuid?.() === 0;
await clearAbandoned(FOLDER_PREFIX);
const workplace = makeWorkplace(FOLDER_PREFIX);
let failure: unknown;
try {
  const passphraseFile = join(workplace.dir, 'passphrase');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const stage: Stage = {
    narration,
    program: new Program(passphraseFile, interruption.signal),
    workplace,
    passphraseFile,
    signal: interruption.signal,
  };
  if (isRoot) await demonstrateDesktop(stage);
  else await demonstrateTree(stage);
} catch (error) {
  failure = error;
}
try {
  await workplace.clear();
} catch (error) {
  failure ??= error;
  process.stderr.write(`cleaning up: ${String(error)}\n`);
}

const { measured, proofs, facts } = narration.findings;
if (values.json) process.stdout.write(`${JSON.stringify({ ...measured, proofs, ...facts })}\n`);
else process.stdout.write(`\n${narration.table()}\n`);
if (!isRoot) {
  process.stderr.write(
    '\nRun as root, this shows a desktop: running programs that survive losing their drive.\n',
  );
}
if (failure !== undefined) {
  process.stderr.write(
    `\nthe demonstration failed: ${failure instanceof Error ? failure.message : String(failure)}\n`,
  );
}
process.exitCode = interruption.signal.aborted
  ? EXIT_STATUS.cancelled
  : failure === undefined && narration.allHold
    ? EXIT_STATUS.ok
    : EXIT_STATUS.failed;
