// The processor as a session is told of it: as it was when the session began, wherever it goes on later.
import { readFileSync } from 'node:fs';
import { machine } from 'node:os';
import { hiddenOf, type ProcessorLevel } from '../../core/processor.ts';
import { processorIn } from '../host/host-processor.ts';

/** What bears on what a session may use of a processor. */
export interface ProcessorShare {
  readonly level?: ProcessorLevel | undefined;
  /** Of how many processors it has the time; undefined without a limit. */
  readonly count?: number | undefined;
}

/** What a session reads of its processor. */
export interface SessionProcessor {
  /** In the place of /proc/cpuinfo. */
  readonly cpuinfo: string;
  /** In the place of /sys/devices/system/cpu/online: which processors there are, `0-3`. */
  readonly online: string;
}

/**
 * Made of the host's /proc/cpuinfo: without the features that a session is not to use, see `hiddenOf`, and with no more processors
 * than it has the time of, if that is limited.
 */
export function sessionProcessor(
  hostCpuinfo: string,
  machineName: string,
  { level, count = Number.POSITIVE_INFINITY }: ProcessorShare,
): SessionProcessor {
  const hidden = new Set(hiddenOf(processorIn(hostCpuinfo, machineName), level));
  const processors = hostCpuinfo
    .split(/\n\n+/)
    .filter((text) => /^processor\s*:/m.test(text))
    .slice(0, Math.max(1, Math.ceil(count)));
  const blocks = processors.map((text, number) =>
    text
      .replace(/^(processor\s*: ).*$/m, `$1${number}`)
      .replace(/^((?:flags|Features)\s*: )(.*)$/m, (_, head: string, words: string) => {
        const kept = words.split(' ').filter((word) => !hidden.has(word));
        return `${head}${kept.join(' ')}`;
      })
      .trimEnd(),
  );
  const last = processors.length - 1;
  return {
    cpuinfo: blocks.map((block) => `${block}\n\n`).join(''),
    online: last <= 0 ? '0\n' : `0-${last}\n`,
  };
}

/** On this host. */
export function sessionProcessorHere(share: ProcessorShare): SessionProcessor {
  return sessionProcessor(readFileSync('/proc/cpuinfo', 'latin1'), machine(), share);
}
