// deskpod log: every event of the pod in words, or as it was written.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { explainEvent } from '../../core/event-words.ts';
import type { LoggedEvent } from '../../core/events.ts';
import { followLog } from '../../session/operation/follow-log.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatMoment } from '../units.ts';

/** Adds `deskpod log`. */
export function registerLog(program: Command): void {
  withPodOptions(program.command('log'))
    .option('--since <seq>', 'only events from this position on', parseSeq, 1)
    .option('--follow', 'go on with new events for as long as its session runs, or it is watched')
    .description('every event of the pod in words, oldest first; with --json, as it was written')
    .action(async (options: { since: number; follow?: boolean }, command: Command) => {
      const { output } = contextOf(command);
      if (options.follow !== true) {
        const answer = await operateOn(command, 'log', { since: options.since });
        output.result(answer, answer.events.map(describeEvent).join('\n'));
        return;
      }
      const { passphrase, credential } = contextOf(command);
      const { device } = command.optsWithGlobals<{ device?: string }>();
      await followLog(device, options.since, (logged) => output.result(logged, describeEvent(logged)), {
        ...{ passphrase, credential, onProgress: output.progress, onNotice: output.remark },
      });
      output.note('Nobody has the pod open any more: nothing is written to its log.');
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
  const { text, weight } = explainEvent(event);
  const mark = weight === 'warning' ? '! ' : '';
  return `${String(seq).padStart(6)}  ${formatMoment(atMs)}  ${event.type.padEnd(20)} ${mark}${text}`;
}
