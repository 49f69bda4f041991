// The demonstration's start: which one runs, what is printed, and that nothing stays behind.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { demonstrateDesktop } from './desktop.ts';
import { Narration } from './narration.ts';
import { Program } from './program.ts';
import { demonstrateTree } from './tree.ts';

const PASSPHRASE = 'correct horse battery staple';

/** What a demonstration works with. */
export interface Stage {
  readonly narration: Narration;
  readonly program: Program;
  /** A folder on disk that is removed at the end. */
  readonly dir: string;
  readonly passphraseFile: string;
  readonly signal: AbortSignal;
  /** Registers what has to be undone; run last first, whatever happened. */
  readonly atEnd: (undo: () => Promise<void>) => void;
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const narration = new Narration();
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
}

const dir = await mkdtemp(join(process.env.TMPDIR ?? '/var/tmp', 'deskpod-demo-'));
const undoing: (() => Promise<void>)[] = [() => rm(dir, { recursive: true, force: true })];
const isRoot = process.getuid?.() === 0;
let failure: unknown;
try {
  const passphraseFile = join(dir, 'passphrase');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const stage: Stage = {
    narration,
    program: new Program(passphraseFile, interruption.signal),
    dir,
    passphraseFile,
    signal: interruption.signal,
    atEnd: (undo) => undoing.push(undo),
  };
  if (isRoot) await demonstrateDesktop(stage);
  else await demonstrateTree(stage);
} catch (error) {
  failure = error;
}
for (const undo of undoing.toReversed()) {
  try {
    await undo();
  } catch (error) {
    failure ??= error;
    process.stderr.write(`cleaning up: ${String(error)}\n`);
  }
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
process.exitCode = failure === undefined && narration.allHold ? 0 : 1;
