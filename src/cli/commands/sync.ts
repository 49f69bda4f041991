// deskpod sync: bring the homes up to date now.
import type { Command } from 'commander';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { SyncOutcome } from '../../session/operation/operations.ts';
import { fromWireError } from '../../session/supervisor/wire.ts';
import { isUnmountedTwin } from '../../session/twin/twin-place.ts';
import type { SyncReport } from '../../sync/pod/replicate.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { EXIT_STATUS, exitStatusOf } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { askHomePassword, HOME_PASSWORD_OPTION, type HomePasswordOptions } from '../home-password.ts';
import { describeFailure, type Output } from '../output.ts';
import { formatBytes, formatDuration, parseSize } from '../units.ts';
import { absoluteUrl } from './home.ts';

interface SyncOptions extends HomePasswordOptions {
  /** In bytes a second. */
  readonly bwlimit?: number;
  readonly streams?: number;
}

/** Each is an rsync and often a connection. */
const STREAMS_MAX = 16;

/** Adds `deskpod sync`. */
export function registerSync(program: Command): void {
  withPodOptions(program.command('sync'))
    .argument('[url]', 'one home only')
    .description('copy what the homes lack; each home changes at once, at the end')
    .option('--bwlimit <rate>', 'the most to send in a second to each home, such as 500K or 2M', parseSize)
    .option(
      '--streams <number>',
      'how many transfers go to a home side by side; otherwise as fits',
      parseStreams,
    )
    .option(...HOME_PASSWORD_OPTION)
    .action(async (given: string | undefined, options: SyncOptions, command: Command) => {
      const url = given === undefined ? undefined : absoluteUrl(given);
      const homePassword = await askHomePassword(url, options);
      const { homes, ...told } = await operateOn(command, 'sync', {
        ...(url === undefined ? {} : { url }),
        ...(options.bwlimit === undefined ? {} : { bytesPerSecond: options.bwlimit }),
        ...(options.streams === undefined ? {} : { streams: options.streams }),
        ...(homePassword === undefined ? {} : { homePassword }),
      });
      await tellOutcomes(contextOf(command).output, homes, { answer: told, text: '' });
    });
}

/**
 * Prints what became of each home; ends the program with a status of its own unless all are up to date. A twin that is
 * away is no failure as long as another home has everything: it lies elsewhere most of the time. `before` is what the
 * command did before it synced.
 */
export async function tellOutcomes(
  output: Output,
  outcomes: readonly SyncOutcome[],
  before: { readonly answer: object; readonly text: string } = { answer: {}, text: '' },
): Promise<void> {
  const reports: SyncReport[] = [];
  const errors: Error[] = [];
  const homes = outcomes.map((outcome) => {
    if (!('error' in outcome)) {
      reports.push(outcome);
      return outcome;
    }
    const error = fromWireError(outcome.error);
    errors.push(error);
    return { url: outcome.url, error: describeFailure(error) };
  });
  const away = errors.filter((error) => isDeskPodError(error, 'HOME_AWAY'));
  const failures = errors.filter((error) => !isDeskPodError(error, 'HOME_AWAY'));
  const [first] = [...failures, ...away];
  if (first !== undefined && reports.length === 0) {
    output.failure(first, { ...before.answer, homes });
    if (before.text !== '') output.note(before.text);
    for (const error of errors) if (error !== first) output.complain(error);
    throw new ExitStatus(first instanceof DeskPodError ? exitStatusOf(first.code) : EXIT_STATUS.failed);
  }
  const lines = [before.text, ...(await Promise.all(reports.map(describeReport))), ...away.map(describeAway)];
  output.result({ ...before.answer, homes }, lines.filter((line) => line !== '').join('\n'));
  for (const error of failures) output.complain(error);
  if (failures.length > 0) throw new ExitStatus(EXIT_STATUS.partlyDone);
}

/** @throws DeskPodError USAGE */
function parseStreams(text: string): number {
  const streams = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (streams >= 1 && streams <= STREAMS_MAX) return streams;
  throw new DeskPodError('USAGE', `expected 1 to ${STREAMS_MAX} transfers side by side, got "${text}"`);
}

function describeAway({ message }: Error): string {
  return `${message}: it is brought up to date by a sync when it is`;
}

async function describeReport(report: SyncReport): Promise<string> {
  const sent = `${report.sentObjects} objects, ${formatBytes(report.sentBytes)} in ${formatDuration(report.durationMs)}`;
  const remarks = [...report.notices, ...report.warnings].map((remark) => `\n  ${remark}`).join('');
  const unplug = (await isUnmountedTwin(report.url)) ? '; safe to unplug' : '';
  return `${report.url}: up to date (${sent})${unplug}${remarks}`;
}
