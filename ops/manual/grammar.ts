// The grammar of the command line as data: what `--help` shows of each command, from the same objects.
import type { EventEmitter } from 'node:events';
import type { Argument, Command, Help, Option } from 'commander';

/** What is typed in the place of a name in brackets. */
export interface ValueEntry {
  /** As help names it: `path`. */
  readonly name: string;
  readonly choices: readonly string[];
  /** A path of this host may stand there. */
  readonly isPath: boolean;
}

/** An option of a command. */
export interface OptionEntry {
  /** `--device`, and `-d` before it if there is one. */
  readonly names: readonly string[];
  /** As help shows it: `-d, --device <path>`. */
  readonly term: string;
  readonly description: string;
  /** Undefined for a switch. */
  readonly value: ValueEntry | undefined;
}

/** An argument of a command. */
export interface ArgumentEntry extends ValueEntry {
  readonly description: string;
  /** It takes all words that follow. */
  readonly isRepeated: boolean;
}

/** A command, with all that belong to it. */
export interface CommandEntry {
  /** What is typed: `deskpod home add`. */
  readonly words: readonly string[];
  readonly usage: string;
  readonly description: string;
  readonly arguments: readonly ArgumentEntry[];
  /** Its own; those of the commands above it can be given, too. */
  readonly options: readonly OptionEntry[];
  /** What help says after all else. */
  readonly remarks: string;
  readonly commands: readonly CommandEntry[];
}

/** What can be a path, by the name that help gives it. */
const PATHS = /^(?:path|file|folder|dir|device|place|public-key|name\|file)$/;
/** A home can be a folder. */
const PATH_OR_URL = 'url';

/** The grammar of a command and of all that belong to it. */
export function readGrammar(command: Command, above: readonly string[] = []): CommandEntry {
  const help = command.createHelp();
  const words = [...above, command.name()];
  return {
    words,
    usage: help.commandUsage(command),
    description: help.commandDescription(command),
    arguments: command.registeredArguments.map(readArgument),
    options: help.visibleOptions(command).map((option) => readOption(option, help)),
    remarks: remarksOf(command),
    commands: help.visibleCommands(command).map((each) => readGrammar(each, words)),
  };
}

/** A command, and then those below it. */
export function* walk(entry: CommandEntry): Generator<CommandEntry> {
  yield entry;
  for (const command of entry.commands) yield* walk(command);
}

/** All options that can be given to a command: its own, and those of the program. */
export function optionsOf(entry: CommandEntry, program: CommandEntry): readonly OptionEntry[] {
  const own = new Set(entry.options.flatMap(({ names }) => names));
  return [...entry.options, ...program.options.filter(({ names }) => !names.some((name) => own.has(name)))];
}

function readArgument(argument: Argument): ArgumentEntry {
  return {
    ...valueEntry(argument.name(), argument.argChoices),
    description: argument.description,
    isRepeated: argument.variadic,
  };
}

function readOption(option: Option, help: Help): OptionEntry {
  const name = /[<[]([^>\]]+?)(?:\.\.\.)?[>\]]/.exec(option.flags)?.[1];
  return {
    names: [option.short, option.long].filter((each) => each !== undefined),
    term: help.optionTerm(option),
    description: help.optionDescription(option),
    value: name === undefined ? undefined : valueEntry(name, option.argChoices),
  };
}

function valueEntry(name: string, choices: readonly string[] = []): ValueEntry {
  return { name, choices, isPath: PATHS.test(name) || name === PATH_OR_URL };
}

function remarksOf(command: Command): string {
  let text = '';
  const write = (piece: string): void => {
    text += piece;
  };
  // commander's types leave out that commands are emitters, as addHelpText uses them
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  return text.trim();
}
