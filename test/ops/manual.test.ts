// Man pages and completions: all that `--help` names is in them, and the shells and man take them.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { buildProgram } from '../../src/cli/main.ts';

const GENERATOR = new URL('../../ops/manual.ts', import.meta.url).pathname;

/** What the help of one command names. */
interface Named {
  readonly words: readonly string[];
  readonly options: readonly string[];
  readonly commands: readonly string[];
}

describe('the manual', () => {
  let dir: string;
  let named: readonly Named[];
  let pages: ReadonlyMap<string, string>;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'deskpod-manual-'));
    execFileSync(process.execPath, [GENERATOR, dir]);
    named = namedBelow(await buildProgram([]), []);
    const names = readdirSync(join(dir, 'man'));
    pages = new Map(names.map((name) => [name, readFileSync(join(dir, 'man', name), 'utf8')]));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('has a page of the program and of each command, with all that help names', () => {
    assert.ok(named.length > 40, `${named.length}`);
    for (const { words, options, commands } of named) {
      const page = pages.get(`${words.slice(0, 2).join('-')}.1`) ?? '';
      const text = page.replaceAll('\\-', '-');
      for (const option of options) assert.ok(text.includes(option), `${words.join(' ')} ${option}`);
      for (const command of commands) assert.ok(text.includes(command), `${words.join(' ')} ${command}`);
    }
  });

  it('is taken by man without a warning', () => {
    const files = [...pages.keys()].map((name) => join(dir, 'man', name));
    const { stderr, status } = spawnSync(
      'man',
      ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', ...files],
      {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C.UTF-8', MANROFFSEQ: '', MANWIDTH: '80' },
      },
    );
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('shows a sentence of help as it is', () => {
    const shown = execFileSync('man', ['-E', 'UTF-8', '-l', join(dir, 'man', 'deskpod-home.1')], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8', MANPAGER: 'cat', MANWIDTH: '200', GROFF_NO_SGR: '1' },
    });
    assert.match(shown, /deskpod-home - the places that the pod is copied to/);
    assert.match(shown, /deskpod home authorize \[options\] <folder> <public-key>/);
  });

  it('is completed by bash: commands, options, choices and paths', () => {
    for (const { words, options, commands } of named) {
      if (words.at(-1) === 'help') continue;
      if (commands.length > 0) assert.deepEqual(inBash([...words, '']), [...commands].sort());
      const offered = inBash([...words, '-']);
      assert.deepEqual(
        options.filter((option) => !offered.includes(option)),
        [],
        words.join(' '),
      );
      assert.ok(offered.includes('--json'), words.join(' '));
    }
    assert.deepEqual(inBash(['deskpod', 'create', '--cpu-baseline', '']), ['x86-64-v2', 'x86-64-v3']);
    assert.deepEqual(inBash(['deskpod', 'create', '--cpu-baseline', '=', 'x86-64-v3']), ['x86-64-v3']);
    writeFileSync(join(dir, 'a drive.img'), '');
    assert.deepEqual(inBash(['deskpod', 'start', 'a']), ['a drive.img']);
    assert.deepEqual(inBash(['deskpod', '--json', 'home', 'add', '-d', 'a']), ['a drive.img']);
    assert.deepEqual(inBash(['deskpod', 'home', 'add', '-d', 'x', '--tw']), ['--twin']);
    assert.deepEqual(inBash(['deskpod', 'log', '--since', '']), []);
  });

  it('is completed by fish and by zsh', () => {
    const fish = (line: string): string[] => {
      const script = join(dir, 'completions/deskpod.fish');
      const args = ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', script, line];
      const told = execFileSync('fish', args, {
        encoding: 'utf8',
        cwd: dir,
        env: { ...process.env, HOME: dir },
      });
      return told
        .trim()
        .split('\n')
        .map((each) => each.replace(/\t.*/, ''))
        .sort();
    };
    const zsh = readFileSync(join(dir, 'completions/deskpod.zsh'), 'utf8');
    execFileSync('zsh', ['-f', '-n', join(dir, 'completions/deskpod.zsh')]);
    for (const { words, options, commands } of named) {
      const own = zsh.split(`\n_${words.join('__').replaceAll('-', '_')}() {`)[1]?.split('\n}')[0] ?? '';
      for (const name of [...options, ...commands])
        assert.ok(own.includes(name), `${words.join(' ')} ${name}`);
    }
    assert.deepEqual(fish('deskpod home '), [...(commandsOf('deskpod home') ?? [])].sort());
    assert.ok(fish('deskpod home add --').includes('--twin'));
    assert.ok(!fish('deskpod sync --').includes('--twin'));
    assert.deepEqual(fish('deskpod create --cpu-baseline '), ['x86-64-v2', 'x86-64-v3']);
  });

  function commandsOf(line: string): readonly string[] | undefined {
    return named.find(({ words }) => words.join(' ') === line)?.commands;
  }

  /** What bash offers for the last of these words, sorted. */
  function inBash(words: readonly string[]): string[] {
    const script = [
      'source "$1"; shift',
      'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))',
      '_deskpod',
      `printf "%s\\n" "\${COMPREPLY[@]}"`,
    ].join('\n');
    const told = execFileSync(
      'bash',
      ['--norc', '-c', script, 'bash', join(dir, 'completions/deskpod.bash'), ...words],
      { encoding: 'utf8', cwd: dir },
    );
    return told
      .split('\n')
      .filter((each) => each !== '')
      .sort();
  }
});

/** What the help texts of a command, and of those below it, name. */
function namedBelow(command: Command, above: readonly string[]): Named[] {
  const words = [...above, command.name()];
  const text = command.helpInformation();
  const section = (title: string): string => text.split(`\n${title}:\n`)[1]?.split('\n\n')[0] ?? '';
  const terms = (title: string): string[] =>
    [...section(title).matchAll(/^ {2}(\S.*?)(?: {2}|$)/gm)].map(([, term = '']) => term);
  const own: Named = {
    words,
    options: terms('Options').flatMap((term) => term.match(/(?<![\w-])--?[a-z][\w-]*/g) ?? []),
    commands: terms('Commands').map((term) => term.split(' ')[0] ?? ''),
  };
  return [own, ...command.commands.flatMap((each) => namedBelow(each, words))];
}
