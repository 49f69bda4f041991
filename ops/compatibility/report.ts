// What the trials of applications print: one JSON object, a table for people, or the published one.
import { availableParallelism, cpus, release } from 'node:os';

/** How one application did. */
export interface Row {
  readonly app: string;
  readonly label: string;
  /** Of its Debian package; null if the session never ran. */
  readonly version: string | null;
  readonly state: string;
  readonly ok: boolean;
  /** How long the session stood still at the suspend; null if it could not be suspended. */
  readonly pauseMs: number | null;
  /** From the call to the running processes; null if it did not come to that. */
  readonly resumeMs: number | null;
  readonly imageBytes: number | null;
  /** Why it is not ok. */
  readonly cause: string | null;
}

/** Rows with what they were taken on. */
export interface Report {
  /** ISO 8601. */
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly Row[];
}

/** The report of these rows, taken now on this machine. */
export function reportOf(rows: readonly Row[]): Report {
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}`;
  return { date: new Date().toISOString(), machine, rows };
}

/** A line for people. */
export function lineOf({ app, ok, pauseMs, resumeMs, imageBytes, cause }: Row): string {
  const figures = [inMs(pauseMs), inMs(resumeMs), inMegabytes(imageBytes)].map((text) => text.padStart(8));
  return `${app.padEnd(20)} ${ok ? 'ok    ' : 'FAILED'} ${figures.join(' ')}  ${cause ?? ''}`.trimEnd();
}

/** The published document, whole. */
export function markdownOf({ date, machine, rows }: Report): string {
  const cells = rows.map(({ label, version, state, ok, pauseMs, resumeMs, imageBytes, cause }) =>
    [
      label,
      version ?? '',
      state,
      ok ? 'yes' : `**no**: ${cause}`,
      inMs(pauseMs),
      inMs(resumeMs),
      inMegabytes(imageBytes),
    ]
      .map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' '))
      .join(' | '),
  );
  return [
    '# Applications',
    '',
    'What was suspended and resumed with its state, as `ops/compat --markdown` printed it. Each application runs in a',
    'session of its own, from Debian 13 packages. It is given state that is in no file, mostly through the display as a',
    'person would; the session is suspended, the device unmounted, mounted again and resumed. Then the same processes must',
    'be there, not started again, the state must be in them, and they must answer to more of the same.',
    '',
    'A program notices a suspend as it notices a stop signal and a pulled cable: calls that signal(7) says are not started',
    'again, such as semop(2), end with EINTR, and connections to other computers end. So does a poll(2) with a limit, of which',
    'nobody knows how much was left; one without a limit goes on.',
    '',
    `${date.slice(0, 10)}, ${machine}: ${rows.filter(({ ok }) => ok).length} of ${rows.length}.`,
    '',
    '| application | package | state | goes on | pause | resume | images |',
    '|---|---|---|---|---|---|---|',
    ...cells.map((line) => `| ${line} |`),
    '',
  ].join('\n');
}

function inMs(value: number | null): string {
  return value === null ? '–' : `${Math.round(value)} ms`;
}

function inMegabytes(value: number | null): string {
  return value === null ? '–' : `${Math.round(value / 1e6)} MB`;
}
