// deskpod log: every event of the pod, as it was written.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import type { LoggedEvent } from '../../core/events.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatMoment } from '../units.ts';

const FOLLOW_INTERVAL_MS = 500;

/** Adds `deskpod log`. */
export function registerLog(program: Command): void {
  withPodOptions(program.command('log'))
    .option('--since <seq>', 'only events from this position on', parseSeq, 1)
    .option('--follow', 'go on with new events until stopped; for a pod whose session runs')
    .description('every event of the pod, oldest first')
    .action(async (options: { since: number; follow?: boolean }, command: Command) => {
      const { output } = contextOf(command);
      let since = options.since;
      if (options.follow !== true) {
        const answer = await operateOn(command, 'log', { since });
        output.result(answer, answer.events.map(describeEvent).join('\n'));
        return;
      }
      for (;;) {
        const { events } = await operateOn(command, 'log', { since });
        for (const logged of events) output.result(logged, describeEvent(logged));
        since = (events.at(-1)?.seq ?? since - 1) + 1;
        await new Promise((resolve) => setTimeout(resolve, FOLLOW_INTERVAL_MS));
      }
    });
}

function parseSeq(text: string): number {
  const seq = Number(text);
  if (!Number.isSafeInteger(seq) || seq < 1) {
    throw new DeskPodError('USAGE', `"${text}" is not a position in the log`, {
      hint: 'Positions count from 1.',
    });
  }
  return seq;
}

function describeEvent({ seq, atMs, event }: LoggedEvent): string {
  const { type, v: _v, ...facts } = event;
  return `${String(seq).padStart(6)}  ${formatMoment(atMs)}  ${type.padEnd(20)} ${JSON.stringify(facts)}`;
}
