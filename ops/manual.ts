// Writes the man pages and shell completions of the command line, from the objects that `--help` is made of.
//
// usage: node ops/manual.ts [FOLDER]
//
// In FOLDER (default: build/): man/deskpod.1, man/deskpod-COMMAND.1, completions/deskpod.bash, .zsh and .fish. What former
// runs left in man/ and completions/ goes.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buildProgram } from '../src/cli/main.ts';
import { bashCompletion } from './manual/bash-completion.ts';
import { fishCompletion } from './manual/fish-completion.ts';
import { readGrammar } from './manual/grammar.ts';
import { manPages } from './manual/man-page.ts';
import { sourceDate } from './manual/source-date.ts';
import { zshCompletion } from './manual/zsh-completion.ts';

const ROOT = resolve(import.meta.dirname, '..');
const folder = resolve(process.argv[2] ?? join(ROOT, 'build'));

const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const program = readGrammar(await buildProgram([]));
const date = sourceDate().toISOString().slice(0, 10);
await writeAll(join(folder, 'man'), manPages(program, { version, date }));
await writeAll(
  join(folder, 'completions'),
  new Map([
    ['deskpod.bash', bashCompletion(program)],
    ['deskpod.zsh', zshCompletion(program)],
    ['deskpod.fish', fishCompletion(program)],
  ]),
);

async function writeAll(dir: string, files: ReadonlyMap<string, string>): Promise<void> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  for (const [name, text] of files) await writeFile(join(dir, name), text);
}
