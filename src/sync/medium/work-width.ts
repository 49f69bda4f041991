// How much of a repository this computer works on side by side.
import { availableParallelism } from 'node:os';
import { fitWork, type HostFacts, type Medium, mediumOf, type WorkWidth } from '../../core/side-by-side.ts';
import { readMedium } from './read-medium.ts';

/** What this computer has for the work, now. */
export function hostFacts(): HostFacts {
  return { processors: availableParallelism(), availableMemory: process.availableMemory() };
}

/** How much is worked on side by side, on which medium, and why. */
export interface WorkReport extends WorkWidth {
  readonly medium: Medium;
}

/** How much of the repository in `dir` is worked on side by side, and on which medium. */
export function workWidth(dir: string): WorkReport {
  const medium = mediumOf(readMedium(dir));
  return { medium, ...fitWork(medium, hostFacts()) };
}
