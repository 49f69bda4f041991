// The completion of zsh: a function for each command, as its _arguments wants them.
import {
  type ArgumentEntry,
  type CommandEntry,
  type OptionEntry,
  optionsOf,
  type ValueEntry,
  walk,
} from './grammar.ts';

/** The file that zsh finds by its name, `_deskpod`. */
export function zshCompletion(program: CommandEntry): string {
  return [
    '#compdef deskpod',
    '# Completes the command lines of deskpod in zsh; made from the grammar of the program by ops/manual.ts.',
    ...[...walk(program)].flatMap((entry) => functionOf(entry, program)),
    '_deskpod "$@"',
    '',
  ].join('\n');
}

function functionOf(entry: CommandEntry, program: CommandEntry): string[] {
  const options = optionsOf(entry, program).map(optionSpec);
  const name = functionName(entry);
  if (entry.commands.length === 0) {
    const specs = [...options, ...entry.arguments.map(argumentSpec)];
    return ['', `${name}() {`, '  _arguments -s \\', ...continued(specs), '}'];
  }
  return [
    ...[
      '',
      `${name}() {`,
      '  local curcontext="$curcontext" state line',
      '  local -A opt_args',
      '  _arguments -C \\',
    ],
    ...[...options, "'1: :->command'", "'*:: :->rest'"].map((spec) => `    ${spec} \\`),
    '    && return 0',
    ...['  case $state in', '  command)', '    local -a commands=('],
    ...entry.commands.map(
      (command) => `      ${quote(`${escapeColon(lastWord(command))}:${command.description}`)}`,
    ),
    ...['    )', "    _describe 'command' commands", '    ;;', '  rest)', '    case $line[1] in'],
    ...entry.commands.map((command) => `    ${lastWord(command)}) ${functionName(command)} ;;`),
    ...['    esac', '    ;;', '  esac', '}'],
  ];
}

function continued(specs: readonly string[]): string[] {
  return specs.map((spec, index) => `    ${spec}${index < specs.length - 1 ? ' \\' : ''}`);
}

function optionSpec({ names, description, value }: OptionEntry): string {
  const takes = value === undefined ? '' : `:${escapeColon(value.name)}:${actionOf(value)}`;
  const what = `[${escapeBrackets(description)}]${takes}`;
  const [first = '', second] = names;
  // a long name takes its value after = as well
  const form = (name: string): string => (value !== undefined && name.startsWith('--') ? `${name}=` : name);
  if (second === undefined) return quote(`${form(first)}${what}`);
  return `'(${names.join(' ')})'{${names.map((name) => quote(form(name))).join(',')}}${quote(what)}`;
}

function argumentSpec(argument: ArgumentEntry): string {
  const at = argument.isRepeated ? '*' : '';
  return quote(`${at}:${escapeColon(argument.description || argument.name)}:${actionOf(argument)}`);
}

function actionOf({ choices, isPath }: ValueEntry): string {
  if (isPath) return '_files';
  return choices.length === 0 ? ' ' : `(${choices.join(' ')})`;
}

function functionName({ words }: CommandEntry): string {
  return `_${words.join('__').replaceAll('-', '_')}`;
}

function lastWord({ words }: CommandEntry): string {
  return words.at(-1) ?? '';
}

function escapeColon(text: string): string {
  return text.replaceAll(':', '\\:');
}

function escapeBrackets(text: string): string {
  return text.replaceAll(/[\\[\]]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
