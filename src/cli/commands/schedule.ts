// deskpod schedule: the checkpoints that a pod makes by itself, and the room that its device keeps free.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import type {
  ReserveReport,
  ScheduleReport,
  SchedulingReport,
} from '../../session/schedule/scheduling-report.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatBytes, formatDuration, formatMoment, parseDuration, parseSize } from '../units.ts';

const WORDS_HELP = `
WORDS say when, such as:
  every 15 minutes while in use     none is made if nobody has used the desktop since the last one
  hourly                            at the full hour, used or not
  nightly at 3
  on weekdays at 18:30
  on mondays and thursdays at noon
  monthly on day 1 at 9
  "*/20 8-17 * * mon-fri"           five fields of cron: minute, hour, day, month, weekday

Times are those of the computer that the pod runs on. A time that the clock jumps over comes as much later. Checkpoints are made
while the session runs, or while deskpod watch watches the folder. What was missed meanwhile, or while the computer slept, is
made up for by one. Of a folder none is made if nothing has changed.`;

const RESERVE_HELP = `
SIZE is such as 2G, "usual" for a twentieth of the device (from 256 MiB to 4 GiB, and a tenth at most), or "none". A pod with a
schedule has the usual one. When less is free after a checkpoint, the oldest checkpoints that a home has go from the device;
never the newest, nor one that no home has. Homes keep theirs; a twin does not, and counts for none.`;

/** Adds `deskpod schedule`. */
export function registerSchedule(program: Command): void {
  const schedule = program
    .command('schedule')
    .description('checkpoints that the pod makes by itself, and the room that its device keeps free');

  withPodOptions(schedule.command('list', { isDefault: true }))
    .description('its schedules, when each comes next, and the room that is kept free')
    .action(async (_options: unknown, command: Command) => {
      const report = await operateOn(command, 'schedule-list', {});
      contextOf(command).output.result(report, describeScheduling(report));
    });

  withPodOptions(schedule.command('add'))
    .argument('<words...>', 'when: “every 15 minutes while in use”')
    .option(
      '--jitter <duration>',
      'how much later it may come, so that not all pods work at once',
      parseDuration,
    )
    .description('make checkpoints by itself from now on')
    .addHelpText('after', WORDS_HELP)
    .action(async (words: readonly string[], { jitter }: { jitter?: number }, command: Command) => {
      const answer = await operateOn(command, 'schedule-add', {
        words: words.join(' '),
        ...(jitter === undefined ? {} : { jitterMs: jitter }),
      });
      contextOf(command).output.result(answer, `schedule ${answer.number}: ${answer.words}`);
    });

  withPodOptions(schedule.command('remove'))
    .argument('<number>', 'as deskpod schedule shows it', parseScheduleNumber)
    .description('keep a schedule no more; its checkpoints stay')
    .action(async (number: number, _options: unknown, command: Command) => {
      const answer = await operateOn(command, 'schedule-remove', { number });
      contextOf(command).output.result(answer, `schedule ${answer.number} is kept no more`);
    });

  withPodOptions(schedule.command('reserve'))
    .argument('<size>', 'such as 2G, usual or none', parseReserve)
    .description('how much of the device stays free')
    .addHelpText('after', RESERVE_HELP)
    .action(async (size: number | 'usual', _options: unknown, command: Command) => {
      const parameters = size === 'usual' ? {} : { reserveBytes: size };
      const answer = await operateOn(command, 'reserve', parameters);
      contextOf(command).output.result(
        answer,
        answer.reserve === undefined ? '' : describeReserve(answer.reserve),
      );
    });
}

function parseScheduleNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new DeskPodError('USAGE', `"${text}" is not a schedule’s number`, {
    hint: 'List them with `deskpod schedule`.',
  });
}

function parseReserve(text: string): number | 'usual' {
  if (text === 'usual') return text;
  return text === 'none' ? 0 : parseSize(text);
}

function describeScheduling(report: SchedulingReport): string {
  const { schedules, isKept, failure, reserve } = report;
  const lines = schedules.map((schedule) => describeSchedule(schedule));
  if (lines.length === 0) lines.push('no schedule yet; see deskpod schedule add --help');
  else if (!isKept)
    lines.push('they are kept while the session runs, or the folder is watched; now it is not');
  if (failure !== undefined)
    lines.push(`the last one failed at ${formatMoment(failure.atMs)}: ${failure.error.message}`);
  if (reserve !== undefined) lines.push(describeReserve(reserve));
  return lines.join('\n');
}

function describeSchedule({ number, words, nextAtMs, jitterMs }: ScheduleReport): string {
  const jitter = jitterMs === 0 ? '' : `, up to ${formatDuration(jitterMs)} later`;
  return `${String(number).padStart(3)}  ${words}: next at ${formatMoment(nextAtMs)}${jitter}`;
}

/** One line about the room that is kept free. */
export function describeReserve({ reserveBytes, isUsual, freeBytes, shortage }: ReserveReport): string {
  if (reserveBytes === 0) return `no room is kept free; ${formatBytes(freeBytes)} are`;
  const usual = isUsual ? ', as usual' : '';
  const short =
    shortage === undefined
      ? ''
      : '; no more checkpoints can go for it: sync it, or delete what is not needed';
  return `${formatBytes(reserveBytes)} are kept free${usual}; ${formatBytes(freeBytes)} are free${short}`;
}
