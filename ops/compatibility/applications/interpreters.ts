// Shells and other interpreters: a variable that was set, and is asked for by typing.
import { type Application, freshWord } from '../application.ts';
import { ANSWER, expectAnswer, expectShown, openTerminal } from './terminal.ts';

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
export const INTERPRETERS: readonly Application[] = [bash, python, node, konsole];
