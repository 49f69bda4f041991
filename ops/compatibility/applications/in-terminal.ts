// Programs in a terminal: what they show is read off the screen, what they hold is asked for by typing.
import type { Person, Window } from '../../user/person.ts';
import { type Application, freshWord } from '../application.ts';

const ANSWER = '/tmp/answer';

/** Opens an xterm with a command. Its screen can be read by {@link Person.terminalText}. */
async function openTerminal(person: Person, ...command: string[]): Promise<Window> {
  const look = ['-geometry', '80x24+20+40', '+sb', '-xrm', '*trimSelection: true'];
  const terminal = await person.open('XTerm', 'xterm', ...look, '-e', ...command);
  await person.clickInto(terminal);
  return terminal;
}

/** Waits until the terminal shows what it should. */
function expectShown(person: Person, terminal: Window, pattern: RegExp): Promise<string> {
  return person.expect(
    () => person.terminalText(terminal),
    (text) => pattern.test(text),
    `a terminal that shows ${pattern}`,
  );
}

/** Waits until a file of the session holds what it should. */
function expectAnswer(person: Person, answer: string): Promise<string> {
  return person.expect(
    () => person.exec('sh', '-c', `cat ${ANSWER} 2>/dev/null; true`),
    (text) => text === answer,
    `the answer ${answer}`,
  );
}

/** An interpreter that holds a word in a variable: asked for it after the resume, it writes it to a file. */
function interpreter(
  given: Pick<Application, 'name' | 'label' | 'base' | 'packageName' | 'processName'> & {
    readonly command: readonly string[];
    /** What it shows when it takes a line. */
    readonly prompt: RegExp;
    readonly set: (word: string) => string;
    /** Writes what it holds to the file. */
    readonly tell: (file: string) => string;
  },
): Application {
  const { command, prompt, set, tell, ...application } = given;
  return {
    ...application,
    state: 'a variable',
    begin: async (person) => {
      const word = freshWord();
      const terminal = await openTerminal(person, ...command);
      await expectShown(person, terminal, prompt);
      await person.type(`${set(word)}\n`);
      await expectShown(person, terminal, new RegExp(word));
      await person.exec('rm', '-f', ANSWER);
      return async (later) => {
        await later.typeInto(terminal, `${tell(ANSWER)}\n`);
        await expectAnswer(later, word);
      };
    },
  };
}

const xterm: Application = {
  name: 'xterm',
  label: 'xterm',
  base: 'desktop',
  packageName: 'xterm',
  processName: 'xterm',
  state: 'the text on its screen',
  begin: async (person) => {
    const [first, second] = [freshWord(), freshWord()];
    const terminal = await openTerminal(person, 'cat');
    await person.type(`${first}\n`);
    await expectShown(person, terminal, new RegExp(`^${first}\n${first}\n`));
    return async (later) => {
      await expectShown(later, terminal, new RegExp(`^${first}\n${first}\n`));
      await later.typeInto(terminal, `${second}\n`);
      await expectShown(later, terminal, new RegExp(`^${first}\n${first}\n${second}\n${second}\n`));
    };
  },
};

const bash = interpreter({
  name: 'bash',
  label: 'bash',
  base: 'desktop',
  packageName: 'bash',
  processName: 'bash',
  command: ['bash', '--norc'],
  prompt: /\$/,
  set: (word) => `held=${word}`,
  tell: (file) => `printf %s $held >${file}`,
});

const python = interpreter({
  name: 'python3',
  label: 'Python',
  base: 'compat-text',
  packageName: 'python3',
  processName: 'python3',
  command: ['python3', '-q'],
  prompt: />>>/,
  set: (word) => `held = '${word}'`,
  tell: (file) => `print(held, end='', file=open('${file}', 'w'), flush=True)`,
});

const node = interpreter({
  name: 'node',
  label: 'Node.js',
  base: 'compat-text',
  packageName: 'nodejs',
  processName: 'node',
  command: ['node'],
  prompt: />/,
  set: (word) => `const held = '${word}'`,
  tell: (file) => `fs.writeFileSync('${file}', held)`,
});

const less: Application = {
  name: 'less',
  label: 'less',
  base: 'desktop',
  packageName: 'less',
  processName: 'less',
  state: 'its place in what a pipe brought',
  begin: async (person) => {
    // From a pipe, so that what it shows is in its memory and in no file.
    const word = freshWord();
    const lines = `seq -f '${word} %.0f' 1000 | less`;
    const terminal = await openTerminal(person, 'sh', '-c', lines);
    await expectShown(person, terminal, new RegExp(`^${word} 1\n`));
    await person.type('500g');
    await expectShown(person, terminal, new RegExp(`^${word} 500\n`));
    return async (later) => {
      await expectShown(later, terminal, new RegExp(`^${word} 500\n`));
      await later.typeInto(terminal, 'j');
      await expectShown(later, terminal, new RegExp(`^${word} 501\n`));
    };
  },
};

const vim: Application = {
  name: 'vim',
  label: 'Vim',
  base: 'compat-text',
  packageName: 'vim',
  processName: 'vim',
  state: 'unsaved text',
  begin: async (person) => {
    const [first, second] = [freshWord(), freshWord()];
    // No swap file: the text is to be in its memory only.
    const terminal = await openTerminal(person, 'vim', '-n', '-u', 'NONE');
    await expectShown(person, terminal, /VIM - Vi IMproved/);
    await person.type(`i${first}`);
    await person.press('escape');
    await expectShown(person, terminal, new RegExp(`^${first}\n`));
    await person.exec('rm', '-f', ANSWER);
    return async (later) => {
      await later.typeInto(terminal, `a ${second}`);
      await later.press('escape');
      await later.type(`:w ${ANSWER}\n`);
      await expectAnswer(later, `${first} ${second}`);
    };
  },
};

const nano: Application = {
  name: 'nano',
  label: 'nano',
  base: 'compat-text',
  packageName: 'nano',
  processName: 'nano',
  state: 'unsaved text',
  begin: async (person) => {
    const [first, second] = [freshWord(), freshWord()];
    const terminal = await openTerminal(person, 'nano');
    await expectShown(person, terminal, /New Buffer/);
    await person.type(first);
    await expectShown(person, terminal, new RegExp(`\n${first}\n`));
    await person.exec('rm', '-f', ANSWER);
    return async (later) => {
      await later.typeInto(terminal, ` ${second}`);
      await later.press('ctrl+o');
      await later.type(`${ANSWER}\n`);
      await expectAnswer(later, `${first} ${second}`);
    };
  },
};

/** Gives tmux a command. Keys that come at once it takes for pasted text. */
async function pressPrefixed(person: Person, key: string): Promise<void> {
  await person.untilStill();
  await person.press('ctrl+b');
  await person.untilStill();
  await person.type(key);
}

const tmux: Application = {
  name: 'tmux',
  label: 'tmux',
  base: 'compat-text',
  packageName: 'tmux',
  processName: 'tmux: server',
  state: 'a shell in each of two panes',
  begin: async (person) => {
    const words = [freshWord(), freshWord()];
    const terminal = await openTerminal(person, 'tmux', 'new', 'bash --norc');
    const paneText = (pane: number) => (of: Person) =>
      of.exec('sh', '-c', `tmux capture-pane -p -t :.${pane} 2>/dev/null; true`);
    const expectPane = (of: Person, pane: number, text: string): Promise<string> =>
      of.expect(
        () => paneText(pane)(of),
        (shown) => shown.includes(text),
        `a pane that shows ${text}`,
      );
    await expectPane(person, 0, '$');
    await person.type(`held=${words[0]}\n`);
    await pressPrefixed(person, '"');
    await expectPane(person, 1, '$');
    await person.type(`held=${words[1]}\n`);
    await expectPane(person, 1, `held=${words[1]}`);
    return async (later) => {
      for (const pane of [1, 0]) {
        await expectPane(later, pane, `held=${words[pane]}`);
        await later.typeInto(terminal, 'echo "<$held>"\n');
        await expectPane(later, pane, `<${words[pane]}>`);
        await pressPrefixed(later, 'o');
      }
    };
  },
};

const mc: Application = {
  name: 'mc',
  label: 'Midnight Commander',
  base: 'compat-text',
  packageName: 'mc',
  processName: 'mc',
  state: 'the folder of its panel',
  begin: async (person) => {
    const terminal = await openTerminal(person, 'mc', '-u');
    await person.window({ windowClass: 'XTerm', title: /^mc \[/ });
    await person.type('cd /usr/share/mc\n');
    await person.window({ windowClass: 'XTerm', title: /:\/usr\/share\/mc$/ });
    return async (later) => {
      await expectShown(later, terminal, /─ \/usr\/share\/mc ─/);
      await later.typeInto(terminal, 'cd ..\n');
      await later.window({ windowClass: 'XTerm', title: /:\/usr\/share$/ });
    };
  },
};

const htop: Application = {
  name: 'htop',
  label: 'htop',
  base: 'compat-text',
  packageName: 'htop',
  processName: 'htop',
  state: 'its filter',
  begin: async (person) => {
    // Sleeps of these lengths are what is filtered for.
    const [first, second] = ['71001', '71002'];
    await person.launch('sleep', first);
    const terminal = await openTerminal(person, 'htop');
    await expectShown(person, terminal, /Xvnc/);
    await person.press('F4');
    await person.type('sleep 7100\n');
    const isFiltered = new RegExp(`sleep ${first}`);
    await expectShown(person, terminal, isFiltered);
    return async (later) => {
      await later.launch('sleep', second);
      const shown = await expectShown(later, terminal, new RegExp(`sleep ${second}`));
      if (!isFiltered.test(shown) || /Xvnc/.test(shown)) throw new Error(`expected the filter, got ${shown}`);
      await later.typeInto(terminal, 'q');
      await later.expect(
        () => later.windows(),
        (windows) => windows.every(({ windowClass }) => windowClass !== 'XTerm'),
        'it to end when told to',
      );
    };
  },
};

const konsole: Application = {
  name: 'konsole',
  label: 'Konsole',
  base: 'paper',
  packageName: 'konsole',
  processName: 'konsole',
  state: 'the shell in it and its variable',
  begin: async (person) => {
    const word = freshWord();
    await person.exec('rm', '-f', ANSWER);
    await person.launch('konsole', '-e', 'bash', '--norc');
    const window = await person.stillWindow({ windowClass: 'konsole' });
    await person.typeInto(window, `held=${word}; printf %s begun >${ANSWER}\n`);
    await expectAnswer(person, 'begun');
    return async (later) => {
      await later.typeInto(window, `printf %s $held >${ANSWER}\n`);
      await expectAnswer(later, word);
    };
  },
};

/** All of them. */
export const IN_TERMINAL: readonly Application[] = [
  xterm,
  bash,
  less,
  vim,
  nano,
  tmux,
  mc,
  htop,
  python,
  node,
  konsole,
];
