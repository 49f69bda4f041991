// Limits of sessions on the command line: the options that set them, and the words that tell them.
import type { Command } from 'commander';
import { DeskPodError } from '../core/errors.ts';
import { LEAST_LIMITS, type SessionLimits, wrongLimit } from '../core/session-limits.ts';
import { parseSize } from './units.ts';

/** What the options were set to; undefined for none. */
export interface LimitOptions {
  readonly memory?: number | 'none';
  readonly processes?: number | 'none';
  readonly cpus?: number | 'none';
}

/** Adds the options; `others` is said of what can be given besides a number. */
export function withLimitOptions(command: Command, others = ''): Command {
  return command
    .option('--memory <size>', `most memory that its sessions use, such as 2G${others}`, (text) =>
      parseLimit(text, 'memoryBytes', parseSize),
    )
    .option('--processes <count>', `most processes and threads at one time, such as 500${others}`, (text) =>
      parseLimit(text, 'processCount', Number),
    )
    .option('--cpus <count>', `most processors' worth of time, such as 1.5${others}`, (text) =>
      parseLimit(text, 'processorCount', Number),
    );
}

/** The limits that are in force with what was typed: an option that is not there changes nothing. */
export function limitsWith(former: SessionLimits, { memory, processes, cpus }: LimitOptions): SessionLimits {
  const all = {
    memoryBytes: memory ?? former.memoryBytes,
    processCount: processes ?? former.processCount,
    processorCount: cpus ?? former.processorCount,
  };
  return Object.fromEntries(Object.entries(all).filter(([, limit]) => typeof limit === 'number'));
}

/** True if any of the options was typed. */
export function hasLimitOptions({ memory, processes, cpus }: LimitOptions): boolean {
  return [memory, processes, cpus].some((limit) => limit !== undefined);
}

/** `2048 MiB of memory, 500 processes`; undefined if there are none. */
export function describeLimits({
  memoryBytes,
  processCount,
  processorCount,
}: SessionLimits): string | undefined {
  const words = [
    ...(memoryBytes === undefined ? [] : [`${Math.floor(memoryBytes / 2 ** 20)} MiB of memory`]),
    ...(processCount === undefined ? [] : [`${processCount} processes`]),
    ...(processorCount === undefined ? [] : [`${processorCount} processors`]),
  ];
  return words.length === 0 ? undefined : words.join(', ');
}

function parseLimit(
  text: string,
  name: keyof SessionLimits,
  parse: (text: string) => number,
): number | 'none' {
  if (text === 'none') return 'none';
  const value = text.trim() === '' ? Number.NaN : parse(text);
  if (wrongLimit({ [name]: value }) === undefined) return value;
  throw new DeskPodError('USAGE', `"${text}" is no limit that a desktop could live with`, {
    hint: `The least is ${describeLimits({ [name]: LEAST_LIMITS[name] })}.`,
  });
}
