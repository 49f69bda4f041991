// Programs of our own that hold what only the kernel keeps for them: shared memory and semaphores of System V, a deleted
// file, many threads. They write what they hold to a file when they get a signal.
import type { Person } from '../../user/person.ts';
import { type Application, freshWord } from '../application.ts';
import { bringProgram } from './own-program.ts';
import { ANSWER } from './terminal.ts';

/** What the program answers to a signal. */
async function answerOf(person: Person, processName: string): Promise<readonly string[]> {
  await person.exec('sh', '-c', `rm -f ${ANSWER}; pkill -USR1 -x "$1"`, 'sh', processName);
  const text = await person.expect(
    () => person.exec('sh', '-c', `cat ${ANSWER} 2>/dev/null; true`),
    (answer) => answer.endsWith('.'),
    'an answer to the signal',
  );
  return text.replace(/\.$/, '').trim().split('\n');
}

/** A program that is started with a word, and says what it holds. */
function ownProgram(
  application: Omit<Application, 'begin' | 'label'> & { readonly label: string },
  command: readonly string[],
  programName: string,
  check: (before: readonly string[], after: readonly string[], word: string) => void,
): Application {
  return {
    ...application,
    begin: async (person) => {
      const word = freshWord();
      await person.launch(...command, await bringProgram(person, programName), word, ANSWER);
      await person.expect(
        () => person.exec('sh', '-c', `pgrep -x "$1" || true`, 'sh', application.processName),
        (pid) => pid !== '',
        'the program to run',
      );
      const before = await answerOf(person, application.processName);
      return async (later) => check(before, await answerOf(later, application.processName), word);
    },
  };
}

function require(holds: boolean, expected: string, got: readonly string[]): void {
  if (!holds) throw new Error(`expected ${expected}, got ${got.join(', ').slice(0, 100)}`);
}

/** All of them. */
export const WITHOUT_WINDOW: readonly Application[] = [
  ownProgram(
    {
      name: 'shared-memory',
      label: 'a program with shared memory and semaphores of System V',
      base: 'compat-text',
      packageName: 'python3',
      processName: 'shared-memory',
      state: 'an attached segment, a child that waits at a semaphore',
    },
    ['python3'],
    'shared-memory.py',
    (before, after, word) => {
      require(before.join() === `${word},1`, `${word}, 1 before`, before);
      require(after.join() === `${word},2`, `${word}, 2`, after);
    },
  ),
  ownProgram(
    {
      name: 'deleted-file',
      label: 'a program with a deleted file of 20 MB',
      base: 'desktop',
      packageName: 'perl-base',
      processName: 'deleted-file',
      state: 'every line of the file, and its place in it',
    },
    ['perl'],
    'deleted-file.pl',
    (before, after, word) => {
      require(before.join() === `${word},1000000`, `${word}, 1000000 lines before`, before);
      require(after.join() === `${word},1000001`, `${word}, 1000001 lines`, after);
    },
  ),
  ownProgram(
    {
      name: 'threads',
      label: 'a program with 200 threads',
      base: 'compat-text',
      packageName: 'python3',
      processName: 'many-threads',
      state: 'the count of each thread',
    },
    ['python3'],
    'threads.py',
    (before, after, word) => {
      const counts = (lines: readonly string[]) => lines.map((line) => Number(line.split(' ')[2]));
      const [former, latter] = [counts(before), counts(after)];
      const isWhole = after.every((line, index) => line.startsWith(`${index} ${word} `));
      require(former.length === 200 && latter.length === 200 && isWhole, '200 threads', after);
      require(latter.every((count, index) => count > (former[index] ?? Number.NaN)), 'higher counts', after);
    },
  ),
];
