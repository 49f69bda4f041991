// Windows that count in their titles and show there what was typed into them: pages in browsers, and programs of our own,
// one for each toolkit.
import type { Person, Window } from '../../user/person.ts';
import { type Application, freshWord } from '../application.ts';
import { bringProgram } from './own-program.ts';

/** Rings of the timer in a second. */
const RATE = 5;
/** Between the last look before the suspend and the moment at which the processes stand still, at most. */
const LOOK_SLACK_S = 20;

interface Counter extends Pick<Application, 'name' | 'label' | 'base' | 'packageName' | 'processName'> {
  readonly programName: string;
  /** Prepares, and tells the command that opens the program at this path of the session's home. */
  readonly command: (person: Person, path: string) => Promise<readonly string[]>;
}

function counter({ programName, command, ...application }: Counter): Application {
  return {
    ...application,
    state: 'a count that a timer keeps, typed text',
    begin: async (person) => {
      const [first, second] = [freshWord(), freshWord()];
      await person.launch(...(await command(person, await bringProgram(person, programName))));
      const window = await person.stillWindow({ title: /counted [1-9]/ });
      await person.typeInto(window, first);
      const { count, window: typed } = await expectCount(person, first, 3);
      const countedAtMs = performance.now();
      return async (later) => {
        const sinceS = (performance.now() - countedAtMs) / 1000;
        const resumed = await expectCount(later, first, count);
        // It did not count in the meantime, and could not have counted so far if it had been started again and again.
        const most = count + RATE * Math.min(LOOK_SLACK_S, sinceS) * 2;
        if (resumed.count > most) throw new Error(`expected at most ${most} counts, got ${resumed.count}`);
        await later.typeInto(typed, second);
        const again = await expectCount(later, `(?:${first}${second}|${second}${first})`, resumed.count + 1);
        await expectCount(later, `(?:${first}${second}|${second}${first})`, again.count + 1);
      };
    },
  };
}

/** Waits until a window shows this text and a count as high. */
async function expectCount(
  person: Person,
  text: string,
  atLeast: number,
): Promise<{ readonly count: number; readonly window: Window }> {
  const pattern = new RegExp(`counted (\\d+): ${text}\\.`);
  const countIn = ({ title }: Window): number => Number(pattern.exec(title)?.[1] ?? Number.NaN);
  const windows = await person.expect(
    () => person.windows(),
    (all) => all.some((window) => countIn(window) >= atLeast),
    `a window that has counted to ${atLeast} or more, with ${text}`,
  );
  const window = windows.find((each) => countIn(each) >= atLeast);
  if (window === undefined) throw new Error('the window went away');
  return { count: countIn(window), window };
}

/** Preferences of Firefox that keep its first start from opening anything else. */
const FIREFOX_PREFERENCES = `
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
`;

/** All of them. */
export const COUNTERS: readonly Application[] = [
  counter({
    name: 'firefox',
    label: 'Firefox ESR',
    base: 'compat-browsers',
    packageName: 'firefox-esr',
    processName: 'firefox-esr',
    programName: 'counter.html',
    command: async (person, path) => {
      const write = 'mkdir -p ~/firefox && printf %s "$1" >~/firefox/user.js';
      await person.exec('sh', '-c', write, 'sh', FIREFOX_PREFERENCES);
      return ['firefox-esr', '--profile', 'firefox', path];
    },
  }),
  counter({
    name: 'chromium',
    label: 'Chromium',
    base: 'compat-browsers',
    packageName: 'chromium',
    processName: 'chromium',
    programName: 'counter.html',
    command: async (_person, path) => ['chromium', '--no-first-run', path],
  }),
  counter({
    name: 'konqueror',
    label: 'Konqueror',
    base: 'paper',
    packageName: 'konqueror',
    processName: 'konqueror',
    programName: 'counter.html',
    command: async (_person, path) => ['konqueror', path],
  }),
  counter({
    name: 'swing',
    label: 'a program of Java Swing',
    base: 'compat-java',
    packageName: 'openjdk-21-jdk',
    processName: 'java',
    programName: 'Counter.java',
    command: async (_person, path) => ['java', path],
  }),
  counter({
    name: 'qt6',
    label: 'a program of Qt 6',
    base: 'compat-qt',
    packageName: 'python3-pyqt6',
    processName: 'counter-qt',
    programName: 'counter-qt.py',
    command: async (_person, path) => ['python3', path],
  }),
  counter({
    name: 'gtk4',
    label: 'a program of GTK 4',
    base: 'compat-gtk',
    packageName: 'gir1.2-gtk-4.0',
    processName: 'counter-gtk',
    programName: 'counter-gtk.py',
    command: async (_person, path) => ['python3', path],
  }),
];
