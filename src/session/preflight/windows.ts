// Which window of the session belongs to a process: what the display's window manager lists, and whose it says it is.
import { askDisplay } from './ask-display.ts';
import type { SessionTask } from './session-tasks.ts';
import type { X11Client } from './x11.ts';

const WINDOWS_MAX = 256;
const TITLE_MAX_BYTES = 320;
const TITLE_MAX_CHARACTERS = 80;
const WORD_BYTES = 4;

/** Titles of windows, by the number that their process has inside the session. */
export type WindowTitles = ReadonlyMap<number, string>;

/**
 * Asks the session's display for all windows. A title is what a program chose to show.
 * @throws DeskPodError DISPLAY_FAILED, or the system's error if there is no display
 */
export function readWindowTitles(rootPid: number): Promise<WindowTitles> {
  return askDisplay(rootPid, askForTitles);
}

/** The title of the process's window, or that of its nearest ancestor with one: a shell's is its terminal's. */
export function windowOf(
  task: SessionTask,
  tasks: ReadonlyMap<number, SessionTask>,
  titles: WindowTitles,
): string | undefined {
  for (let at: SessionTask | undefined = task; at !== undefined; at = tasks.get(at.parentHostPid)) {
    const title = titles.get(at.pid);
    if (title !== undefined) return title;
  }
  return undefined;
}

async function askForTitles(display: X11Client): Promise<WindowTitles> {
  const listName = await display.atom('_NET_CLIENT_LIST');
  const pidName = await display.atom('_NET_WM_PID');
  const titleName = await display.atom('_NET_WM_NAME');
  const oldTitleName = await display.atom('WM_NAME');
  const list = await display.property(display.rootWindow, listName, WINDOWS_MAX * WORD_BYTES);
  const titles = new Map<number, string>();
  for (const window of words(list).slice(0, WINDOWS_MAX)) {
    const [pid] = words(await display.property(window, pidName, WORD_BYTES));
    if (pid === undefined || titles.has(pid)) continue;
    const title = await display.property(window, titleName, TITLE_MAX_BYTES);
    const text = title.bytes.toString('utf8') || (await readOldTitle(display, window, oldTitleName));
    if (text !== '') titles.set(pid, [...text].slice(0, TITLE_MAX_CHARACTERS).join(''));
  }
  return titles;
}

async function readOldTitle(display: X11Client, window: number, name: number): Promise<string> {
  return (await display.property(window, name, TITLE_MAX_BYTES)).bytes.toString('latin1');
}

function words({ format, bytes }: { readonly format: number; readonly bytes: Buffer }): readonly number[] {
  if (format !== 32) return [];
  const count = Math.floor(bytes.length / WORD_BYTES);
  return Array.from({ length: count }, (_, index) => bytes.readUInt32LE(index * WORD_BYTES));
}
