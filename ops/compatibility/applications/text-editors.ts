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
      await person.launch(...command);
      const window = await person.stillWindow({ windowClass });
      await typeOnceReady(person, window, first, copyAll);
      return async (later) => {
        await later.clickInto(window);
        await later.press(toEnd);
        await later.type(` ${second}`);
        await expectText(later, copyAll, new RegExp(`^${first} ${second}$`));
      };
    },
  };
}

/** Copies again and again by these keys, until the text is as it should be. */
export async function expectText(person: Person, copyKeys: readonly string[], text: RegExp): Promise<void> {
  await person.expect(
    () => copyText(person, copyKeys),
    (copied) => text.test(copied),
    `the text ${text}`,
  );
}

/** Types into a window once it takes keys: until then they are lost. */
export async function typeOnceReady(
  person: Person,
  window: Window,
  text: string,
  copyKeys: readonly string[],
): Promise<void> {
  await person.expect(
    async () => {
      await person.untilStill();
      await person.clickInto(window);
      await person.type(text);
      await person.untilStill();
      return copyText(person, copyKeys);
    },
    (copied) => copied !== '',
    'a window that takes text',
    90_000,
  );
  await expectText(person, copyKeys, new RegExp(`^${text}$`, 'i'));
}

/** The text that these keys copy; empty if there is none. */
export async function copyText(person: Person, copyKeys: readonly string[]): Promise<string> {
  for (const chord of copyKeys) await person.press(chord);
  return (await person.clipboard().catch(() => '')).trim();
}

/** An empty buffer, and one key that copies it: a request for the selection may come between two and part them. */
const EMACS_SETTINGS = `(progn
  (switch-to-buffer (get-buffer-create "notes"))
  (global-set-key [f5] (lambda () (interactive) (clipboard-kill-ring-save (point-min) (point-max)))))`;

/** All of them. */
export const TEXT_EDITORS: readonly Application[] = [
  editor({
    name: 'emacs',
    label: 'Emacs',
    base: 'compat-text',
    packageName: 'emacs-gtk',
    processName: 'emacs',
    windowClass: 'Emacs',
    command: ['emacs', '-Q', '--eval', EMACS_SETTINGS],
    copyAll: ['F5'],
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
    // A file that is not there: without one it opens a page of greetings.
    command: ['kwrite', 'notes.txt'],
    copyAll: ['ctrl+a', 'ctrl+c'],
    toEnd: 'ctrl+End',
  }),
];
