// What a measurement prints: rows beside the best of others, and whether each holds its budget.
import { availableParallelism, cpus, hostname } from 'node:os';

/** What may not be exceeded: so many times what the peer takes, or `budget` as such. */
export interface Limit {
  readonly name: string;
  readonly unit: string;
  readonly peerName: string;
  /** Without one the row is there to be read, and always holds. */
  readonly limit?: number;
  /** The limit is what must be reached. */
  readonly isFloor?: boolean;
  /** For limits that are not another's: the value that `limit` times must not be exceeded. */
  readonly budget?: number;
}

interface Row extends Omit<Limit, 'budget'> {
  /** Medians of the runs. */
  readonly ours: number;
  readonly peer: number;
  /** What 95 runs in 100 do not exceed. */
  readonly oursP95: number;
  readonly peerP95: number;
  readonly ratio: number;
  readonly holds: boolean;
}

/** A column of a table: what was measured of each. */
export interface Column {
  readonly name: string;
  readonly unit: string;
}

/** Values by what was measured and whose they are. */
export class Findings {
  readonly #taken = new Map<string, number[]>();

  note(name: string, tool: string, value: number): void {
    const key = `${name}/${tool}`;
    this.#taken.set(key, [...(this.#taken.get(key) ?? []), value]);
  }

  /** Prints a row for each limit, of medians; returns true if all hold. */
  report(limits: readonly Limit[], isJson: boolean): boolean {
    const rows = limits.map((limit) => this.#row(limit));
    print(rows, rows.map(lineOf), isJson);
    return rows.every(({ holds }) => holds);
  }

  /** Prints a line of medians for each tool, with a column for each name; returns true if all were measured. */
  tabulate(columns: readonly Column[], tools: readonly string[], isJson: boolean): boolean {
    const rows = tools.flatMap((tool) =>
      columns.map(({ name, unit }) => ({ tool, name, unit, median: median(this.#sorted(name, tool)) })),
    );
    const cells = (values: readonly string[]): string =>
      values.map((value, i) => value.padStart(Math.max(8, (columns[i]?.name ?? '').length + 2))).join('');
    const lines = tools.map((tool) => {
      const own = rows.filter((row) => row.tool === tool);
      return tool.padEnd(18) + cells(own.map((row) => row.median.toFixed(1)));
    });
    const heads = [cells(columns.map(({ name }) => name)), cells(columns.map(({ unit }) => unit))];
    print(rows, [...heads.map((head) => ' '.repeat(18) + head), ...lines], isJson);
    return rows.every((row) => Number.isFinite(row.median));
  }

  #row({ budget, ...limit }: Limit): Row {
    const taken = this.#sorted(limit.name, 'deskpod');
    const others = budget === undefined ? this.#sorted(limit.name, limit.peerName) : [budget];
    const [ours, peer] = [median(taken), median(others)];
    const ratio = ours / peer;
    const highest = { oursP95: percentile95(taken), peerP95: percentile95(others) };
    return { ...limit, ours, peer, ...highest, ratio, holds: isWithin(limit, ours, peer) };
  }

  #sorted(name: string, tool: string): readonly number[] {
    return [...(this.#taken.get(`${name}/${tool}`) ?? [])].sort((a, b) => a - b);
  }
}

function print(rows: readonly unknown[], lines: readonly string[], isJson: boolean): void {
  const machine = `${hostname()}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`;
  const date = new Date().toISOString();
  if (isJson) console.log(JSON.stringify({ date, machine, rows }));
  else for (const line of [`${date.slice(0, 10)}, ${machine}`, ...lines]) console.log(line);
}

/** By a product, as what is best of all may be nothing, which nothing can be divided by. */
function isWithin({ limit, isFloor = false }: Limit, ours: number, peer: number): boolean {
  if (limit === undefined) return Number.isFinite(ours) && Number.isFinite(peer);
  return isFloor ? ours >= limit * peer : ours <= limit * peer;
}

function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** By the nearest rank: of fewer than 20 runs it is the worst one. */
function percentile95(sorted: readonly number[]): number {
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.NaN;
}

function lineOf({ name, unit, ours, oursP95, peer, peerName, ratio, limit, holds }: Row): string {
  const values = `${ours.toFixed(2)} ${unit} (95 %: ${oursP95.toFixed(2)}), ${peerName} ${peer.toFixed(2)} ${unit}`;
  const judged = limit === undefined ? '' : ` of ${limit}  ${holds ? 'holds' : 'DOES NOT HOLD'}`;
  return `${name.padEnd(32)} ${values.padEnd(60)} ${Number.isNaN(ratio) ? '-' : ratio.toFixed(2)}${judged}`;
}
