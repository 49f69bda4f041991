// What a log notes about the host on which a session runs.
import { machine, release } from 'node:os';
import type { HostFacts } from '../../core/events.ts';

/** This host, as far as resuming on another one needs to know it. */
export function hostFacts(): HostFacts {
  return { kernel: release(), machine: machine() };
}
