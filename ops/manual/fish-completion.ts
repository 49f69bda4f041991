// The completion of fish: a line for each command and option, and a function that says which command is being typed.
import { type CommandEntry, type OptionEntry, optionsOf, type ValueEntry, walk } from './grammar.ts';

/** The script that fish finds by its name, `deskpod.fish`. */
export function fishCompletion(program: CommandEntry): string {
  const entries = [...walk(program)];
  return [
    '# Completes the command lines of deskpod in fish; made from the grammar of the program by ops/manual.ts.',
    ...whereFunction(entries, program),
    'complete -c deskpod -f',
    ...program.options.map((option) => ['complete -c deskpod', ...optionWords(option)].join(' ')),
    ...entries.flatMap((entry) => linesOf(entry, program)),
    '',
  ].join('\n');
}

/** Succeeds where the words so far are those of the command that is named. */
function whereFunction(entries: readonly CommandEntry[], program: CommandEntry): string[] {
  const paths = entries.map(({ words }) => quote(words.join(' ')));
  const valued = entries.flatMap((entry) =>
    optionsOf(entry, program)
      .filter(({ value }) => value !== undefined)
      .flatMap(({ names }) => names.map((name) => quote(`${entry.words.join(' ')} ${name}`))),
  );
  return [
    'function __deskpod_at',
    `    set -l paths ${paths.join(' ')}`,
    `    set -l valued ${valued.join(' ')}`,
    '    set -l path deskpod',
    '    set -l skips no',
    '    for word in (commandline -opc)[2..]',
    '        if test $skips = yes',
    '            set skips no',
    '        else if string match -q -- "-*" $word',
    '            if contains -- "$path $word" $valued; set skips yes; end',
    '        else if contains -- "$path $word" $paths',
    '            set path "$path $word"',
    '        end',
    '    end',
    '    test "$path" = "$argv"',
    'end',
  ];
}

function linesOf(entry: CommandEntry, program: CommandEntry): string[] {
  const begin = `complete -c deskpod -n ${quote(`__deskpod_at ${entry.words.join(' ')}`)}`;
  const general = new Set(program.options.flatMap(({ names }) => names));
  const own = entry.options.filter(({ names }) => !names.some((name) => general.has(name)));
  const offered = entry.arguments.map(offerOf).filter((offer) => offer !== '');
  return [
    ...entry.commands.map(
      ({ words, description }) => `${begin} -f -a ${quote(words.at(-1) ?? '')} -d ${quote(description)}`,
    ),
    ...own.map((option) => [begin, ...optionWords(option)].join(' ')),
    ...[...new Set(offered)].map((offer) => `${begin} ${offer}`),
  ];
}

function optionWords({ names, description, value }: OptionEntry): string[] {
  return [
    ...names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)),
    ...(value === undefined ? [] : ['-r', offerOf(value) || '-f']),
    `-d ${quote(description)}`,
  ];
}

function offerOf({ choices, isPath }: ValueEntry): string {
  if (isPath) return '-F';
  return choices.length === 0 ? '' : `-f -a ${quote(choices.join(' '))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
