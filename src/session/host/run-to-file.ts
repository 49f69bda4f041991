// A program whose output goes to a file, because what it leaves running would hold a pipe open.
import { readFile } from 'node:fs/promises';
import { ProcessError, run } from '../../sync/process.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { missingProgram } from './programs.ts';

/** What a shell ends with if it finds no such program. */
const NOT_FOUND = 127;

/** A program of {@link runToFile} that did not end with exit code 0. */
export class OutputError extends Error {
  /** What it printed. */
  readonly output: string;
  /** How it ended. */
  readonly process: ProcessError;

  constructor(output: string, cause: ProcessError) {
    super(cause.message, { cause });
    this.name = 'OutputError';
    this.output = output;
    this.process = cause;
  }
}

/**
 * Runs a program to its own end, whatever its children do: a session inherits the output of runc, and the half-made
 * processes of a killed CRIU inherit CRIU's. Whoever read a pipe would wait for them.
 * @throws OutputError; DeskPodError RUNTIME_MISSING if there is no such program.
 */
export async function runToFile(
  program: string,
  args: readonly string[],
  outputFile: string,
  options: { readonly timeoutMs?: number } = {},
): Promise<void> {
  const script = 'output=$1; shift; exec "$@" >"$output" 2>&1';
  try {
    await run('sh', ['-c', script, 'sh', outputFile, program, ...args], options);
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    if (error.exitCode === NOT_FOUND) throw missingProgram(program, error);
    throw new OutputError(await readOutput(outputFile), error);
  }
}

/** Nothing, if it was ended before it could print anything. */
async function readOutput(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
}
