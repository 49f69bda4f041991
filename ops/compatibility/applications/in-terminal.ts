// Programs in a terminal: what they show is read off the screen, what they hold is written to a file when they are told to.
import type { Person } from '../../user/person.ts';
import { type Application, freshWord } from '../application.ts';
import { ANSWER, expectAnswer, expectShown, openTerminal } from './terminal.ts';

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
    await expectShown(person, terminal, new RegExp(`^${word} \\d+\n`));
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

/** All of them. */
export const IN_TERMINAL: readonly Application[] = [xterm, less, vim, nano, tmux, mc, htop];
