// What the demonstration tells while it runs: steps on stderr, at the end a table or one JSON object.

/** Everything that was measured and proven. */
export interface Findings {
  readonly measured: Readonly<Record<string, number>>;
  readonly proofs: Readonly<Record<string, boolean>>;
  /** Whatever else is worth keeping: paths of screenshots, the machine. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Collects findings and says what happens. */
export class Narration {
  readonly #measured: Record<string, number> = {};
  readonly #proofs: Record<string, boolean> = {};
  readonly #facts: Record<string, string> = {};
  readonly #startedMs = performance.now();

  /** Says what is done next. */
  step(text: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`${seconds} s  ${text}\n`);
  }

  /** Keeps a figure; its name ends with its unit (`Ms`, `Bytes`). */
  measure(name: string, value: number): void {
    this.#measured[name] = Math.round(value * 10) / 10;
  }

  /** Keeps whether something holds, and says so. */
  prove(name: string, holds: boolean, explanation: string): void {
    this.#proofs[name] = holds;
    this.step(`${holds ? '  holds ' : '  FAILS '} ${name}: ${explanation}`);
  }

  /** Keeps a text. */
  note(name: string, text: string): void {
    this.#facts[name] = text;
  }

  /** All of it. */
  get findings(): Findings {
    return { measured: this.#measured, proofs: this.#proofs, facts: this.#facts };
  }

  /** True if something was proven and nothing failed. */
  get allHold(): boolean {
    const outcomes = Object.values(this.#proofs);
    return outcomes.length > 0 && outcomes.every(Boolean);
  }

  /** The findings as a table for people. */
  table(): string {
    const rows = Object.entries(this.#measured).map(([name, value]) => {
      if (name.endsWith('Ms'))
        return `  ${name.slice(0, -2).padEnd(22)} ${(value / 1000).toFixed(3).padStart(10)} s`;
      if (name.includes('Bytes'))
        return `  ${name.replace('Bytes', '').padEnd(22)} ${(value / 1e6).toFixed(1).padStart(10)} MB`;
      return `  ${name.padEnd(22)} ${String(value).padStart(10)}`;
    });
    const proofs = Object.entries(this.#proofs).map(
      ([name, holds]) => `  ${name.padEnd(22)} ${holds ? 'holds' : 'FAILS'}`,
    );
    const facts = Object.entries(this.#facts).map(([name, text]) => `  ${name.padEnd(22)} ${text}`);
    return ['measured', ...rows, '', 'proven', ...proofs, '', ...facts].join('\n');
  }
}
