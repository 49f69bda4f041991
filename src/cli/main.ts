// The program: its grammar, its options, and the exit status at the end.
import { Command, CommanderError } from 'commander';
import { DeskPodError } from '../core/errors.ts';
import { registerBase } from './commands/base.ts';
import { registerCat } from './commands/cat.ts';
import { registerCheckpoint } from './commands/checkpoint.ts';
import { registerCheckpoints } from './commands/checkpoints.ts';
import { registerCreate } from './commands/create.ts';
import { registerDiff } from './commands/diff.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerExec } from './commands/exec.ts';
import { registerFind } from './commands/find.ts';
import { registerHome } from './commands/home.ts';
import { registerInstall } from './commands/install.ts';
import { registerKeys } from './commands/keys.ts';
import { registerLog } from './commands/log.ts';
import { registerList } from './commands/ls.ts';
import { registerPrune } from './commands/prune.ts';
import { registerRestore } from './commands/restore.ts';
import { registerStart } from './commands/start.ts';
import { registerStatus } from './commands/status.ts';
import { registerStop } from './commands/stop.ts';
import { registerSuspend } from './commands/suspend.ts';
import { registerSync } from './commands/sync.ts';
import { registerVerify } from './commands/verify.ts';
import { registerView } from './commands/view.ts';
import { registerWatch } from './commands/watch.ts';
import { registerWhy } from './commands/why.ts';
import { EXIT_MEANING, EXIT_STATUS, exitStatusOf } from './exit-codes.ts';
import { ExitStatus } from './exit-status.ts';
import { Output, type OutputOptions } from './output.ts';

function buildProgram(): Command {
  const program = new Command('deskpod')
    .description(
      'A Linux desktop that lives on a portable drive: files, applications and the running processes.',
    )
    .option('--json', 'print one JSON object on stdout and nothing else')
    .option('--ndjson', 'print progress as JSON lines, then the object')
    .option('--debug', 'show the causes of an error')
    .exitOverride()
    // What is wrong with a command line is told like every other failure, below.
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', `\nExit status:\n${exitTable()}`);
  for (const register of [
    registerCreate,
    registerBase,
    registerStart,
    registerView,
    registerStatus,
    registerExec,
    registerInstall,
    registerCheckpoint,
    registerWatch,
    registerSuspend,
    registerStop,
    registerHome,
    registerSync,
    registerVerify,
    registerPrune,
    registerCheckpoints,
    registerList,
    registerCat,
    registerFind,
    registerDiff,
    registerWhy,
    registerLog,
    registerRestore,
    registerKeys,
    registerDoctor,
  ]) {
    register(program);
  }
  for (const command of program.commands) command.exitOverride();
  return program;
}

function exitTable(): string {
  const names = Object.keys(EXIT_STATUS) as (keyof typeof EXIT_STATUS)[];
  return names.map((name) => `  ${String(EXIT_STATUS[name]).padStart(3)}  ${EXIT_MEANING[name]}`).join('\n');
}

async function main(): Promise<number> {
  const program = buildProgram();
  try {
    await program.parseAsync(process.argv);
    return EXIT_STATUS.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_STATUS.ok;
    if (error instanceof ExitStatus) return error.status;
    const failure = error instanceof CommanderError ? usageError(error) : error;
    new Output(program.opts<OutputOptions>()).failure(failure);
    return failure instanceof DeskPodError ? exitStatusOf(failure.code) : EXIT_STATUS.failed;
  }
}

function usageError(error: CommanderError): DeskPodError {
  // Without a command there is no message of commander's; the help has been shown.
  const message =
    error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '');
  return new DeskPodError('USAGE', message, { hint: '`deskpod --help` shows how.' });
}

// A reader that has seen enough (`| head`) ends the program quietly, as it does any other.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await main();
