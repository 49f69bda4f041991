// What a measurement prints: rows beside the best of others, and whether each holds its budget.
import { availableParallelism, cpus, hostname } from 'node:os';

/** What may not be exceeded: so many times what the peer takes, or `budget` as such. */
export interface Limit {
  readonly name: string;
  readonly unit: string;
  readonly peerName: string;
  readonly limit: number;
  /** For limits that are not another's: the value that `limit` times must not be exceeded. */
  readonly budget?: number;
}

interface Row extends Omit<Limit, 'budget'> {
  readonly ours: number;
  readonly peer: number;
  readonly ratio: number;
  readonly holds: boolean;
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
    const machine = `${hostname()}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`;
    const date = new Date().toISOString();
    if (isJson) console.log(JSON.stringify({ date, machine, rows }));
    else {
      console.log(`${date.slice(0, 10)}, ${machine}`);
      for (const row of rows) console.log(lineOf(row));
    }
    return rows.every(({ holds }) => holds);
  }

  #row({ budget, ...limit }: Limit): Row {
    const ours = this.#median(limit.name, 'deskpod');
    const peer = budget ?? this.#median(limit.name, limit.peerName);
    const ratio = ours / peer;
    return { ...limit, ours, peer, ratio, holds: ratio <= limit.limit };
  }

  #median(name: string, tool: string): number {
    const sorted = [...(this.#taken.get(`${name}/${tool}`) ?? [])].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    const upper = sorted[middle] ?? Number.NaN;
    return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
  }
}

function lineOf({ name, unit, ours, peer, peerName, ratio, limit, holds }: Row): string {
  const values = `${ours.toFixed(2)} ${unit}, ${peerName} ${peer.toFixed(2)} ${unit}`;
  return `${name.padEnd(32)} ${values.padEnd(36)} ${ratio.toFixed(2)} of ${limit}  ${holds ? 'holds' : 'DOES NOT HOLD'}`;
}
