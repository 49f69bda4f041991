// Editors of plain text with windows: unsaved text, read back through the clipboard.
import type { Person, Window } from '../../user/person.ts';
import { type Application, freshWord } from '../application.ts';

/** How one of them is opened and used. */
interface Editor extends Pick<Application, 'name' | 'label' | 'base' | 'packageName' | 'processName'> {
  readonly windowClass: string;
  readonly command: readonly string[];
  /** The key presses that put all of its text on the clipboard. */
  readonly copyAll: readonly string[];
  /** Those that lead to the end of the text. */
  readonly toEnd: string;
}

function editor({ windowClass, command, copyAll, toEnd, ...application }: Editor): Application {
  return {
    ...application,
    state: 'unsaved text',
    begin: async (person) => {
      const [first, second] = [freshWord(), freshWord()];
      const window = await person.open(windowClass, ...command);
      await typeAndSee(person, window, first);
      return async (later) => {
        await later.clickInto(window);
        await later.press(toEnd);
        await later.type(` ${second}`);
        await expectText(later, copyAll, `${first} ${second}`);
      };
    },
  };
}

/** Copies everything again and again until it is the text that it should be. */
export async function expectText(person: Person, copyAll: readonly string[], text: string): Promise<void> {
  await person.expect(
    async () => {
      for (const chord of copyAll) await person.press(chord);
      return (await person.clipboard().catch(() => '')).trim();
    },
    (copied) => copied === text,
    `the text ${text}`,
  );
}

/** Types once the window stands still, and waits until that is seen to change it. */
export async function typeAndSee(person: Person, window: Window, text: string): Promise<void> {
  await person.untilStill();
  await person.clickInto(window);
  await person.untilStill();
  await person.type(text);
  await person.untilStill();
}

/** All of them. */
export const TEXT_EDITORS: readonly Application[] = [
  editor({
    name: 'emacs',
    label: 'Emacs',
    base: 'compat-text',
    packageName: 'emacs-gtk',
    processName: 'emacs',
    windowClass: 'Emacs',
    command: ['emacs', '-Q', '--eval', '(switch-to-buffer (get-buffer-create "notes"))'],
    copyAll: ['ctrl+x', 'h', 'alt+w'],
    toEnd: 'alt+>',
  }),
  editor({
    name: 'mousepad',
    label: 'Mousepad',
    base: 'desktop',
    packageName: 'mousepad',
    processName: 'mousepad',
    windowClass: 'Mousepad',
    command: ['mousepad'],
    copyAll: ['ctrl+a', 'ctrl+c'],
    toEnd: 'ctrl+End',
  }),
  editor({
    name: 'gedit',
    label: 'gedit',
    base: 'compat-gtk',
    packageName: 'gedit',
    processName: 'gedit',
    windowClass: 'Gedit',
    command: ['gedit'],
    copyAll: ['ctrl+a', 'ctrl+c'],
    toEnd: 'ctrl+End',
  }),
  editor({
    name: 'kwrite',
    label: 'KWrite',
    base: 'paper',
    packageName: 'kwrite',
    processName: 'kwrite',
    windowClass: 'kwrite',
    command: ['kwrite'],
    copyAll: ['ctrl+a', 'ctrl+c'],
    toEnd: 'ctrl+End',
  }),
];
