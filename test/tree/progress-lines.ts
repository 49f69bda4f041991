// The lines of progress that a command prints, each with the moment when it came.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));
const UNITS: Readonly<Record<string, number>> = { bytes: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60, h: 3600 };
const SIZE = String.raw`(\d+(?:\.\d+)? (?:bytes|kB|MB|GB))`;

/** A terminal's line is drawn again in its place. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const REDRAWN = /\r\u001b\[K|\r?\n/;

/** A line as a person reads it. */
export interface ProgressLine {
  readonly atMs: number;
  readonly text: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  /** Bytes a second. */
  readonly rate?: number;
  readonly leftMs?: number;
}

/** Runs a command to its end, at a terminal of its own or with its output in pipes; gives its lines of progress. */
export async function progressLines(
  where: 'terminal' | 'pipe',
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ProgressLine[]> {
  const command = ['stty cols 300', `exec ${[PROGRAM, ...args].join(' ')}`].join('; ');
  const [file, rest] = where === 'pipe' ? [PROGRAM, [...args]] : ['script', ['-qec', command, '/dev/null']];
  const child = spawn(file, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: ProgressLine[] = [];
  let said = '';
  let open = '';
  const take = (bytes: Buffer): void => {
    said += bytes.toString('utf8');
    const pieces = (open + bytes.toString('utf8')).split(REDRAWN);
    open = where === 'terminal' ? '' : (pieces.pop() ?? '');
    for (const text of pieces) if (text.trim() !== '') lines.push(readLine(text.trim()));
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`deskpod ${args.join(' ')} ended with ${status}: ${said}`);
  return lines;
}

function readLine(text: string): ProgressLine {
  const [, done, total] = new RegExp(`${SIZE} of ${SIZE}`).exec(text) ?? [];
  const [, rate] = new RegExp(`${SIZE}/s`).exec(text) ?? [];
  const [, left] = /· ([^·]+) left$/.exec(text) ?? [];
  return {
    atMs: performance.now(),
    text,
    ...(done === undefined || total === undefined
      ? {}
      : { doneBytes: bytesOf(done), totalBytes: bytesOf(total) }),
    ...(rate === undefined ? {} : { rate: bytesOf(rate) }),
    ...(left === undefined ? {} : { leftMs: millisecondsOf(left) }),
  };
}

function bytesOf(text: string): number {
  const [value = '', unit = ''] = text.split(' ');
  return Number(value) * (UNITS[unit] ?? Number.NaN);
}

/** Of `3 min 20 s`. */
function millisecondsOf(text: string): number {
  return [...text.matchAll(/(\d+(?:\.\d+)?) (ms|s|min|h)/g)].reduce(
    (sum, [, value, unit = '']) => sum + Number(value) * (SECONDS[unit] ?? Number.NaN) * 1000,
    0,
  );
}
