// How much of a host a pod's sessions may use.

/** What is left out has no limit. */
export interface SessionLimits {
  /** Memory of all processes together, and of the files that lie in memory. */
  readonly memoryBytes?: number;
  /** Processes and threads at one time. */
  readonly processCount?: number;
  /** Processors' worth of time: 1.5 is all of one, and half of another. */
  readonly processorCount?: number;
}

/** Less than this, and a desktop does not come up. */
export const LEAST_LIMITS: Required<SessionLimits> = {
  memoryBytes: 128 * 2 ** 20,
  processCount: 32,
  processorCount: 0.05,
};

/** The first limit that is none: too small, or no number of its kind. */
export function wrongLimit({
  memoryBytes,
  processCount,
  processorCount,
}: SessionLimits): keyof SessionLimits | undefined {
  if (memoryBytes !== undefined && !isWhole(memoryBytes, LEAST_LIMITS.memoryBytes)) return 'memoryBytes';
  if (processCount !== undefined && !isWhole(processCount, LEAST_LIMITS.processCount)) return 'processCount';
  const isShare =
    processorCount === undefined ||
    (Number.isFinite(processorCount) && processorCount >= LEAST_LIMITS.processorCount);
  return isShare ? undefined : 'processorCount';
}

function isWhole(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}
