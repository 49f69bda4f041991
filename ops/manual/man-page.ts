// Man pages of the grammar, in the macros of man(7): one of the program, and one of each of its commands.
import { EXIT_MEANING, EXIT_STATUS } from '../../src/cli/exit-codes.ts';
import type { CommandEntry, OptionEntry } from './grammar.ts';

/** What stands at the foot of each page. */
export interface Imprint {
  readonly version: string;
  /** Of the sources: `2026-11-29`. */
  readonly date: string;
}

const FILES: readonly (readonly [string, string])[] = [
  ['/var/lib/deskpod/bases', 'the system images that new pods start from (DESKPOD_BASES)'],
  ['/run/deskpod', 'where pods in use are mounted; only root can look in'],
  ['FOLDER/.deskpod', 'the repository and the log of a tree pod'],
];
const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['DESKPOD_PASSPHRASE_FILE', 'a file with the passphrase, as --passphrase-file'],
  ['DESKPOD_RUNTIME', 'the folder with CRIU, runc and mkfs.erofs'],
  ['DESKPOD_BASES', 'the folder with the bases'],
];

/** Every page by the name of its file. */
export function manPages(program: CommandEntry, imprint: Imprint): ReadonlyMap<string, string> {
  const pages = new Map([['deskpod.1', programPage(program, imprint)]]);
  for (const command of program.commands)
    pages.set(`${pageName(command)}.1`, commandPage(command, program, imprint));
  return pages;
}

function programPage(program: CommandEntry, imprint: Imprint): string {
  return [
    ...head('deskpod', program, imprint),
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => [
      '.TP',
      `.BR ${escapeRoff(pageName(command))} (1)`,
      escapeRoff(`${command.usage}: ${command.description}`),
    ]),
    ...optionSection('OPTIONS', program.options),
    '.SH EXIT STATUS',
    ...(Object.keys(EXIT_STATUS) as (keyof typeof EXIT_STATUS)[]).flatMap((name) =>
      item(`${EXIT_STATUS[name]}`, EXIT_MEANING[name]),
    ),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(([name, meaning]) => item(name, meaning)),
    '.SH FILES',
    ...FILES.flatMap(([name, meaning]) => item(name, meaning)),
    '',
  ].join('\n');
}

function commandPage(command: CommandEntry, program: CommandEntry, imprint: Imprint): string {
  return [
    ...head(pageName(command), command, imprint),
    ...body(command, false),
    ...command.commands.flatMap((below) => [
      `.SH ${escapeRoff(below.words.slice(1).join(' ').toUpperCase())}`,
      `.B ${escapeRoff(below.usage)}`,
      '.PP',
      escapeRoff(asSentence(below.description)),
      ...body(below, true),
    ]),
    ...optionSection('OPTIONS OF EVERY COMMAND', program.options),
    '.SH SEE ALSO',
    '.BR deskpod (1)',
    '',
  ].join('\n');
}

function head(name: string, entry: CommandEntry, { version, date }: Imprint): string[] {
  return [
    '.\\" Made from the grammar of the program by ops/manual.ts',
    `.TH ${name.toUpperCase()} 1 "${date}" "deskpod ${version}" "DeskPod"`,
    '.SH NAME',
    escapeRoff(`${name} - ${entry.description.replace(/\.$/, '')}`),
    '.SH SYNOPSIS',
    `.B ${escapeRoff(entry.usage)}`,
    '.SH DESCRIPTION',
    escapeRoff(asSentence(entry.description)),
  ];
}

/** What there is to say of a command besides what it does. */
function body(entry: CommandEntry, isPart: boolean): string[] {
  const heading = isPart ? '.SS' : '.SH';
  const args = entry.arguments.flatMap(({ name, description, choices }) =>
    item(name, `${description}${choices.length > 0 ? ` (${choices.join(', ')})` : ''}`),
  );
  return [
    ...(args.length === 0 ? [] : [`${heading} ${isPart ? 'Arguments' : 'ARGUMENTS'}`, ...args]),
    ...optionSection(isPart ? 'Options' : 'OPTIONS', entry.options, heading),
    ...(entry.remarks === ''
      ? []
      : [`${heading} ${isPart ? 'Notes' : 'NOTES'}`, ...paragraphs(entry.remarks)]),
  ];
}

function optionSection(title: string, options: readonly OptionEntry[], heading = '.SH'): string[] {
  if (options.length === 0) return [];
  return [`${heading} ${title}`, ...options.flatMap(({ term, description }) => item(term, description))];
}

function item(term: string, meaning: string): string[] {
  return ['.TP', `.B ${escapeRoff(term)}`, escapeRoff(meaning === '' ? term : meaning)];
}

/** Text of help: lines that it sets in from the margin stay as they are. */
function paragraphs(text: string): string[] {
  return text.split(/\n{2,}/).flatMap((block) => {
    const lines = block.split('\n').filter((line) => line !== '');
    if (!lines.some((line) => line.startsWith('  '))) return ['.PP', ...lines.map(escapeRoff)];
    return ['.PP', '.nf', ...lines.map(escapeRoff), '.fi'];
  });
}

function pageName({ words }: CommandEntry): string {
  return words.join('-');
}

function asSentence(text: string): string {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return sentence.endsWith('.') ? sentence : `${sentence}.`;
}

/** A line of text for roff: none of it is a request, and dashes can be copied to a shell. */
function escapeRoff(text: string): string {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('\u2019', '\\(cq')
    .replaceAll('\u2018', '\\(oq')
    .replaceAll('`', '\\(ga')
    .replaceAll('"', '\\(dq')
    .replaceAll(
      /[^\x20-\x7e]/gu,
      (letter) => `\\[u${letter.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    );
  return plain.replace(/^([.'])/, '\\&$1');
}
