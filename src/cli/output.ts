// What the program prints: results for people or as JSON on stdout, progress and errors on stderr.
import { DeskPodError } from '../core/errors.ts';
import { Pace } from '../core/pace.ts';
import type { Progress, ProgressListener } from '../core/progress.ts';
import { printable, printableBlock, printableLine } from './printable.ts';
import { formatBytes, formatDuration } from './units.ts';

const MIN_REDRAW_MS = 100;
/** How often a step that goes on says so where lines are kept, as in a file. */
const LINE_EVERY_MS = 3000;

/** How a command was asked to print. */
export interface OutputOptions {
  /** One JSON object on stdout instead of text. */
  readonly json?: boolean;
  /** Progress as JSON lines on stdout, then the object: implies `json`. */
  readonly ndjson?: boolean;
  /** Show causes and traces of errors. */
  readonly debug?: boolean;
}

/** Prints one command's progress, result and failure. */
export class Output {
  readonly #options: OutputOptions;
  #step = '';
  #pace = new Pace();
  #drawnAtMs = 0;
  /** What came too soon after the last line to be drawn: it is, if nothing else comes of its step. */
  #undrawn: Progress | undefined;
  #lineOpen = false;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** True if a program, not a person, reads stdout. */
  get isMachine(): boolean {
    return this.#options.json === true || this.#options.ndjson === true;
  }

  /** Hand this to whatever reports progress. */
  readonly progress: ProgressListener = (progress) => {
    if (this.#options.ndjson === true) {
      writeJson({ type: 'progress', ...progress });
      return;
    }
    if (this.#options.json === true) return;
    const nowMs = performance.now();
    const isNewStep = progress.step !== this.#step;
    if (isNewStep) {
      this.#endLine();
      this.#step = progress.step;
      this.#pace = new Pace();
    }
    if (progress.doneBytes !== undefined) this.#pace.note(nowMs, progress.doneBytes);
    if (!process.stderr.isTTY) {
      if (!isNewStep && nowMs - this.#drawnAtMs < LINE_EVERY_MS) return;
      this.#drawnAtMs = nowMs;
      process.stderr.write(`${isNewStep ? printableLine(progress.step) : describe(progress, this.#pace)}\n`);
      return;
    }
    this.#undrawn = progress;
    if (!isNewStep && nowMs - this.#drawnAtMs < MIN_REDRAW_MS) return;
    this.#drawnAtMs = nowMs;
    this.#lineOpen = true;
    this.#draw();
  };

  /** {@link note}, to be handed on. */
  readonly remark = (text: string): void => this.note(text);

  /** A remark for people, on stderr; machines do not get it. */
  note(text: string): void {
    this.#endLine();
    if (!this.isMachine) process.stderr.write(`${printable(text)}\n`);
  }

  /** The command's result: `value` for machines, `text` for people. */
  result(value: object, text: string): void {
    this.#endLine();
    if (this.#options.ndjson === true) {
      writeJson({ type: 'result', ...value });
    } else if (this.#options.json === true) writeJson(value);
    else if (text !== '') process.stdout.write(`${printable(text)}\n`);
  }

  /** Tells the failure that ends the command: what happened, and the next step. `answer` is told to machines besides. */
  failure(error: unknown, answer: object = {}): void {
    if (this.isMachine) writeJson({ error: { type: 'error', ...describeFailure(error) }, ...answer });
    this.complain(error);
  }

  /** Tells a failure of a part on stderr, for people; machines get it with the result. */
  complain(error: unknown): void {
    this.#endLine();
    const known = error instanceof DeskPodError ? error : undefined;
    process.stderr.write(`deskpod: ${printableBlock(messageOf(error))}\n`);
    if (known?.hint !== undefined) process.stderr.write(`  ${printableBlock(known.hint)}\n`);
    if (known === undefined) process.stderr.write('  This is a defect of deskpod; please report it.\n');
    if (this.#options.debug === true || known === undefined) {
      for (let cause: unknown = error, depth = 0; cause !== undefined && depth < 8; depth += 1) {
        process.stderr.write(`${printable(String(cause instanceof Error ? cause.stack : cause))}\n`);
        cause = cause instanceof Error ? cause.cause : undefined;
      }
    }
  }

  #draw(): void {
    if (this.#undrawn !== undefined) process.stderr.write(`\r\u001b[K${describe(this.#undrawn, this.#pace)}`);
    this.#undrawn = undefined;
  }

  #endLine(): void {
    if (this.#lineOpen) {
      this.#draw();
      process.stderr.write('\n');
    }
    this.#lineOpen = false;
  }
}

/** A failure as machines are told it. */
export function describeFailure(error: unknown): object {
  if (!(error instanceof DeskPodError)) return { code: 'INTERNAL', message: messageOf(error) };
  const { code, message, hint, details } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }), details };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function writeJson(value: object): void {
  process.stdout.write(`${printable(JSON.stringify(value))}\n`);
}

function describe(progress: Progress, pace: Pace): string {
  const parts = [printableLine(progress.step)];
  const { doneBytes, totalBytes, doneFiles } = progress;
  if (doneFiles !== undefined) parts.push(`${doneFiles} files`);
  if (doneBytes !== undefined) {
    parts.push(
      totalBytes === undefined
        ? formatBytes(doneBytes)
        : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    );
    const rate = pace.bytesPerSecond;
    if (rate !== undefined) parts.push(`${formatBytes(Math.round(rate))}/s`);
    const leftMs = totalBytes === undefined ? undefined : pace.msLeft(totalBytes - doneBytes);
    if (leftMs !== undefined) parts.push(`${formatDuration(leftMs)} left`);
  }
  return parts.join(' · ');
}
