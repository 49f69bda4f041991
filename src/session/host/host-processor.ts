// This host's processor, as the kernel tells programs of it.
import { readFileSync } from 'node:fs';
import { machine } from 'node:os';
import type { Processor } from '../../core/processor.ts';

/** What all processors of this host have. */
export function hostProcessor(): Processor {
  return processorIn(readFileSync('/proc/cpuinfo', 'latin1'), machine());
}

/** What a text such as /proc/cpuinfo says that all its processors have: `flags` of x86, `Features` of ARM. */
export function processorIn(cpuinfo: string, machineName: string): Processor {
  const [first = [], ...others] = [...cpuinfo.matchAll(/^(?:flags|Features)\s*: (.*)$/gm)].map(
    ([, words = '']) => words.trim().split(' '),
  );
  const features = first.filter((feature) => others.every((words) => words.includes(feature)));
  return { machine: machineName, features: features.sort() };
}
