// The program: its grammar, its options, and the exit status at the end.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { DeskPodError } from '../core/errors.ts';
import { isCarried, RUNTIMES_DIR } from '../session/runtime/entry-script.ts';
import { storageError } from '../sync/storage-failure.ts';
import { EXIT_MEANING, EXIT_STATUS, exitStatusOf } from './exit-codes.ts';
import { ExitStatus } from './exit-status.ts';
import { Output, type OutputOptions } from './output.ts';

/** Every command, in the order of `--help`. A command line loads the one that it names: a start costs what it needs. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  create: async () => (await import('./commands/create.ts')).registerCreate,
  base: async () => (await import('./commands/base.ts')).registerBase,
  start: async () => (await import('./commands/start.ts')).registerStart,
  view: async () => (await import('./commands/view.ts')).registerView,
  dashboard: async () => (await import('./commands/dashboard.ts')).registerDashboard,
  status: async () => (await import('./commands/status.ts')).registerStatus,
  exec: async () => (await import('./commands/exec.ts')).registerExec,
  install: async () => (await import('./commands/install.ts')).registerInstall,
  limit: async () => (await import('./commands/limit.ts')).registerLimit,
  checkpoint: async () => (await import('./commands/checkpoint.ts')).registerCheckpoint,
  schedule: async () => (await import('./commands/schedule.ts')).registerSchedule,
  watch: async () => (await import('./commands/watch.ts')).registerWatch,
  suspend: async () => (await import('./commands/suspend.ts')).registerSuspend,
  stop: async () => (await import('./commands/stop.ts')).registerStop,
  home: async () => (await import('./commands/home.ts')).registerHome,
  sync: async () => (await import('./commands/sync.ts')).registerSync,
  dock: async () => (await import('./commands/dock.ts')).registerDock,
  branches: async () => (await import('./commands/branches.ts')).registerBranches,
  fork: async () => (await import('./commands/fork.ts')).registerFork,
  promote: async () => (await import('./commands/promote.ts')).registerPromote,
  verify: async () => (await import('./commands/verify.ts')).registerVerify,
  prune: async () => (await import('./commands/prune.ts')).registerPrune,
  checkpoints: async () => (await import('./commands/checkpoints.ts')).registerCheckpoints,
  picture: async () => (await import('./commands/picture.ts')).registerPicture,
  ls: async () => (await import('./commands/ls.ts')).registerList,
  cat: async () => (await import('./commands/cat.ts')).registerCat,
  find: async () => (await import('./commands/find.ts')).registerFind,
  diff: async () => (await import('./commands/diff.ts')).registerDiff,
  why: async () => (await import('./commands/why.ts')).registerWhy,
  log: async () => (await import('./commands/log.ts')).registerLog,
  restore: async () => (await import('./commands/restore.ts')).registerRestore,
  drill: async () => (await import('./commands/drill.ts')).registerDrill,
  keys: async () => (await import('./commands/keys.ts')).registerKeys,
  runtime: async () => (await import('./commands/runtime.ts')).registerRuntime,
  hooks: async () => (await import('./commands/hooks.ts')).registerHooks,
  doctor: async () => (await import('./commands/doctor.ts')).registerDoctor,
};

/** The grammar of a command line: with the command that it names, or with all if it names none. */
export async function buildProgram(words: readonly string[]): Promise<Command> {
  // the first word without a dash; an option of the program takes no value
  const name = words.find((word) => !word.startsWith('-')) ?? '';
  const only = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const program = new Command('deskpod')
    .description(
      'A Linux desktop that lives on a portable drive: files, applications and the running processes.',
    )
    .option('--json', 'print one JSON object on stdout and nothing else')
    .option('--ndjson', 'print progress as JSON lines, then the object')
    .option('--debug', 'show the causes of an error')
    .version(programVersion(), '--version', 'print the version')
    .exitOverride()
    // What is wrong with a command line is told like every other failure, below.
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', `\nExit status:\n${exitTable()}`);
  for (const load of only === undefined ? Object.values(COMMANDS) : [only]) (await load())(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function exitTable(): string {
  const names = Object.keys(EXIT_STATUS) as (keyof typeof EXIT_STATUS)[];
  return names.map((name) => `  ${String(EXIT_STATUS[name]).padStart(3)}  ${EXIT_MEANING[name]}`).join('\n');
}

function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function main(): Promise<number> {
  const program = await buildProgram(process.argv.slice(2));
  try {
    await program.parseAsync(process.argv);
    return EXIT_STATUS.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_STATUS.ok;
    if (error instanceof ExitStatus) return error.status;
    const failure = error instanceof CommanderError ? usageError(error) : storageError(error);
    new Output(program.opts<OutputOptions>()).failure(failure);
    return failure instanceof DeskPodError ? exitStatusOf(failure.code) : EXIT_STATUS.failed;
  } finally {
    if (isCarried()) await tellOfCarrier(program);
  }
}

/** Whoever started the program by its path on the device does not find it there again. */
async function tellOfCarrier(program: Command): Promise<void> {
  const { takenCarrier } = await import('../session/runtime/carrier.ts');
  const taken = takenCarrier();
  if (taken === undefined) return;
  const { path, mountDir } = taken;
  new Output(program.opts<OutputOptions>()).note(
    `${path} is not mounted on ${mountDir} any more. Go on with: ${RUNTIMES_DIR}/deskpod COMMAND -d ${path}`,
  );
}

function usageError(error: CommanderError): DeskPodError {
  // Without a command there is no message of commander's; the help has been shown.
  const message =
    error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '');
  return new DeskPodError('USAGE', message, { hint: '`deskpod --help` shows how.' });
}

// Man pages and completions are made from the grammar alone.
if (import.meta.main) {
  // A reader that has seen enough (`| head`) ends the program quietly, as it does any other.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.exitCode = await main();
}
