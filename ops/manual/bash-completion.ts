// The completion of bash: tables of the grammar, and one function that reads them. It needs nothing but bash.
import { type CommandEntry, optionsOf, type ValueEntry, walk } from './grammar.ts';

/** Stands in the tables for any path. */
const PATH = '<path>';

const FUNCTION = `
_deskpod() {
  local current=\${COMP_WORDS[COMP_CWORD]} path=deskpod option='' count=0 isOver='' word
  local -i at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if [[ $word == = ]]; then continue
    elif [[ -n $option ]]; then option=''
    elif [[ -n $isOver ]]; then ((count += 1))
    elif [[ $word == -- ]]; then isOver=yes
    elif [[ $word == -* ]]; then
      if [[ -n \${_deskpod_values["$path $word"]+known} ]]; then option=$word; fi
    elif [[ -n \${_deskpod_options["$path $word"]+known} ]]; then path="$path $word"
    else ((count += 1)); fi
  done
  if [[ $current == = ]]; then current=''; fi
  if [[ -n $option ]]; then _deskpod_offer "\${_deskpod_values["$path $option"]}"
  elif [[ -z $isOver && $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "\${_deskpod_options[$path]}" -- "$current")
  elif [[ -n \${_deskpod_commands[$path]} ]]; then mapfile -t COMPREPLY < <(compgen -W "\${_deskpod_commands[$path]}" -- "$current")
  else _deskpod_offer "\${_deskpod_arguments["$path $count"]-\${_deskpod_arguments["$path ..."]}}"; fi
}

# Offers what begins like the current word: paths, or words of a list.
_deskpod_offer() {
  if [[ $1 == '${PATH}' ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); fi
}

complete -F _deskpod deskpod
`;

/** The script that bash loads. */
export function bashCompletion(program: CommandEntry): string {
  const [commands, options, values, args] = [0, 1, 2, 3].map(() => new Map<string, string>()) as [
    Map<string, string>,
    Map<string, string>,
    Map<string, string>,
    Map<string, string>,
  ];
  for (const entry of walk(program)) {
    const path = entry.words.join(' ');
    const known = optionsOf(entry, program);
    commands.set(path, entry.commands.map(({ words }) => words.at(-1)).join(' '));
    options.set(path, known.flatMap(({ names }) => names).join(' '));
    for (const { names, value } of known)
      if (value !== undefined) for (const name of names) values.set(`${path} ${name}`, offerOf(value));
    entry.arguments.forEach((argument, index) => {
      args.set(`${path} ${index}`, offerOf(argument));
      if (argument.isRepeated) args.set(`${path} ...`, offerOf(argument));
    });
  }
  return [
    '# Completes the command lines of deskpod in bash; made from the grammar of the program by ops/manual.ts.',
    table('_deskpod_commands', commands),
    table('_deskpod_options', options),
    table('_deskpod_values', values),
    table('_deskpod_arguments', args),
    FUNCTION,
  ].join('\n');
}

function offerOf({ choices, isPath }: ValueEntry): string {
  return isPath ? PATH : choices.join(' ');
}

/** An array by name. It is made where a function loads this, too. */
function table(name: string, entries: ReadonlyMap<string, string>): string {
  const lines = [...entries].map(([key, value]) => `  [${quote(key)}]=${quote(value)}`);
  return [`declare -gA ${name}=(`, ...lines, ')'].join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
