// Runs a parser on mutated input: it may give a value or a typed error, in time, from memory in proportion to its input.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isDeskPodError } from '../../src/core/errors.ts';
import { mutate } from './mutation.ts';
import { Random } from './random.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What one input may take, measured several times if it seems to take more: other processes take time, too. */
const INPUT_MAX_MS = 100;
const MEASURED_AGAIN = 4;
/** What any input may take: small things of every call, and what the engine compiles meanwhile. */
const GROWTH_BASE_BYTES = 512 * 1024;
/** An input's bytes may become objects: two bytes of an attribute are one of about a hundred. */
const GROWTH_FACTOR = 256;

/** A parser, and how to fuzz it. */
export interface FuzzTarget {
  readonly name: string;
  /** Valid input. */
  readonly seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Parses; what it says about a value by throwing something that is no DeskPodError is a finding. */
  readonly parse: (bytes: Uint8Array, random: Random) => unknown;
  /** Makes input that is well-formed on the outside and hostile within, for half of the input. */
  readonly vary?: (random: Random) => Uint8Array;
  /** Makes checksums hold again, so that what lies behind them is reached; done to half of the input. */
  readonly mend?: (bytes: Uint8Array) => Uint8Array;
  /** Of expensive parsers only one input of so many is tried. */
  readonly everyNth?: number;
  /** What one input may take, if more than usual. */
  readonly maxMs?: number;
  /** Bytes that any input may take besides, such as the largest display. */
  readonly growthBytes?: number;
}

/** What a run saw. */
export interface FuzzReport {
  readonly name: string;
  readonly seed: number;
  readonly inputs: number;
  /** Inputs that were valid after all. */
  readonly accepted: number;
  /** How many were refused with each code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly largestGrowthBytes: number;
  /** How much more is alive at the end than after the first tenth: what is kept of each input adds up. */
  readonly keptBytes: number;
}

/** Tries `count` inputs. Rejects at the first finding, with all that is needed to see it again. */
export async function fuzz(target: FuzzTarget, count: number, seed: number): Promise<FuzzReport> {
  const { stackTraceLimit } = Error;
  // most input is refused, and most of a refusal's time would go into its stack
  Error.stackTraceLimit = 0;
  try {
    return await tryAll(target, count, seed);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Tries one input again, by the seed and number that a finding tells, with the stack of what it throws. */
export async function fuzzAgain(target: FuzzTarget, seed: number, index: number): Promise<unknown> {
  return target.parse(inputOf(target, await target.seeds(), seed, index), new Random(index));
}

async function tryAll(target: FuzzTarget, count: number, seed: number): Promise<FuzzReport> {
  const seeds = await target.seeds();
  const inputs = Math.ceil(count / (target.everyNth ?? 1));
  const refused: Record<string, number> = {};
  let accepted = 0;
  let slowestMs = 0;
  let largestGrowthBytes = 0;
  let warmBytes = 0;
  for (let index = 0; index < inputs; index++) {
    if (index === Math.floor(inputs / 10)) warmBytes = aliveBytes();
    const bytes = inputOf(target, seeds, seed, index);
    let trial = await tryOnce(target, bytes, seed, index);
    for (let again = 0; again < MEASURED_AGAIN && exceeds(trial, bytes, target); again++) {
      const { elapsedMs, growthBytes } = await tryOnce(target, bytes, seed, index);
      trial = {
        ...trial,
        elapsedMs: Math.min(elapsedMs, trial.elapsedMs),
        growthBytes: Math.min(growthBytes, trial.growthBytes),
      };
    }
    const excess = exceeds(trial, bytes, target);
    if (excess !== undefined) throw finding(target, seed, index, bytes, new Error(excess));
    if (trial.code === undefined) accepted++;
    else refused[trial.code] = (refused[trial.code] ?? 0) + 1;
    slowestMs = Math.max(slowestMs, trial.elapsedMs);
    largestGrowthBytes = Math.max(largestGrowthBytes, trial.growthBytes);
  }
  const keptBytes = aliveBytes() - warmBytes;
  return { name: target.name, seed, inputs, accepted, refused, slowestMs, largestGrowthBytes, keptBytes };
}

/** Each input is decided by the seed and its number alone. */
function inputOf(
  { mend, vary }: FuzzTarget,
  seeds: readonly Uint8Array[],
  seed: number,
  index: number,
): Uint8Array {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ index);
  if (vary !== undefined && random.below(2) === 0) return vary(random);
  const bytes = mutate(random.of(seeds), seeds, random);
  return mend !== undefined && random.below(2) === 0 ? mend(bytes) : bytes;
}

interface Trial {
  /** Of the error that it was refused with. */
  readonly code: string | undefined;
  readonly elapsedMs: number;
  readonly growthBytes: number;
}

async function tryOnce(target: FuzzTarget, bytes: Uint8Array, seed: number, index: number): Promise<Trial> {
  let code: string | undefined;
  const before = heapBytes();
  const startedMs = performance.now();
  try {
    const parsed = target.parse(bytes, new Random(index));
    // most parsers are synchronous, and a million turns of the loop would take longer than they do
    if (parsed instanceof Promise) await parsed;
  } catch (error) {
    if (!isDeskPodError(error)) throw finding(target, seed, index, bytes, error);
    code = error.code;
  }
  const elapsedMs = performance.now() - startedMs;
  return { code, elapsedMs, growthBytes: Math.max(0, heapBytes() - before) };
}

/** All that is allocated and not collected yet: what is collected meanwhile goes unseen, but a long array does not. */
function heapBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

/** All that is still needed. */
function aliveBytes(): number {
  collectGarbage();
  return heapBytes();
}

function exceeds(
  trial: Trial,
  bytes: Uint8Array,
  { growthBytes = 0, maxMs = INPUT_MAX_MS }: FuzzTarget,
): string | undefined {
  const limit = GROWTH_BASE_BYTES + GROWTH_FACTOR * bytes.length + growthBytes;
  if (trial.growthBytes > limit) return `allocated ${trial.growthBytes} bytes, more than ${limit}`;
  if (trial.elapsedMs > maxMs) return `took ${trial.elapsedMs.toFixed(0)} ms`;
  return undefined;
}

function finding(
  { name }: FuzzTarget,
  seed: number,
  index: number,
  bytes: Uint8Array,
  cause: unknown,
): Error {
  const input = Buffer.from(bytes).toString('base64');
  const what = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return new Error(
    `${name}: seed ${seed}, input ${index} (${bytes.length} bytes, base64 ${input}): ${what}`,
    {
      cause,
    },
  );
}
