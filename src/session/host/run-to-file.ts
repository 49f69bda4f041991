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

/** How {@link runToFile} runs a program. */
interface RunOptions {
  readonly timeoutMs?: number;
  /** Control groups that it is in from its start on: their files for that. */
  readonly joins?: readonly string[];
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
  { timeoutMs, joins = [] }: RunOptions = {},
): Promise<void> {
  const script = [
    'set -e',
    'output=$1; joins=$2; shift 2',
    'while [ "$joins" -gt 0 ]; do echo 0 >"$1"; shift; joins=$((joins - 1)); done',
    'exec "$@" >"$output" 2>&1',
  ].join('\n');
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  try {
    await run('sh', ['-c', script, 'sh', outputFile, `${joins.length}`, ...joins, program, ...args], options);
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
