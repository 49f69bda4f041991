// Ctrl-C, and the signals by which a unit or a terminal ends a command: work is asked to end, and cleans up.
import { DeskPodError } from '../core/errors.ts';
import { EXIT_STATUS } from './exit-codes.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Does `work` with a signal that these abort (CANCELLED). A second one ends the process at once, without cleaning up: the
 * work is one whose remains are swept by the next.
 */
export async function stoppable<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const stop = new AbortController();
  // It stays until the work has ended: execa ends a process at a signal that nobody else listens to any more.
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(EXIT_STATUS.cancelled);
    stop.abort(new DeskPodError('CANCELLED', `stopped by ${name === 'SIGINT' ? 'Ctrl-C' : name}`));
  };
  for (const each of SIGNALS) process.on(each, onSignal);
  try {
    return await work(stop.signal);
  } finally {
    for (const each of SIGNALS) process.off(each, onSignal);
  }
}
