// A terminal whose screen can be read, and the file by which programs answer.
import type { Person, Window } from '../../user/person.ts';

/** Where programs in the session write what they are asked for. */
export const ANSWER = '/tmp/answer';

/** Opens an xterm with a command. Its screen can be read by {@link Person.terminalText}. */
export async function openTerminal(person: Person, ...command: string[]): Promise<Window> {
  const look = ['-geometry', '80x24+20+40', '+sb', '-xrm', '*trimSelection: true'];
  const terminal = await person.open('XTerm', 'xterm', ...look, '-e', ...command);
  await person.clickInto(terminal);
  return terminal;
}

/** Waits until the terminal shows what it should. */
export function expectShown(person: Person, terminal: Window, pattern: RegExp): Promise<string> {
  return person.expect(
    () => person.terminalText(terminal),
    (text) => pattern.test(text),
    `a terminal that shows ${pattern}`,
  );
}

/** Waits until a file of the session holds what it should. */
export function expectAnswer(person: Person, answer: string): Promise<string> {
  return person.expect(
    () => person.exec('sh', '-c', `cat ${ANSWER} 2>/dev/null; true`),
    (text) => text === answer,
    `the answer ${answer}`,
  );
}
