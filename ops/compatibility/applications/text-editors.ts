// Editors of plain text with windows: unsaved text, read back through the clipboard.
import { type Application, freshWord } from '../application.ts';
import { expectText, typeAtEnd, typeOnceReady } from './copied-text.ts';

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
        await typeAtEnd(later, window, toEnd, ` ${second}`);
        await expectText(later, copyAll, new RegExp(`^${first} ${second}$`));
      };
    },
  };
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
