// deskpod diff: what changed from one checkpoint to another.
import type { Command } from 'commander';
import type { ChangeReport, Difference } from '../../sync/browse/diff-checkpoints.ts';
import type { EntryReport } from '../../sync/browse/entry-report.ts';
import { formatCheckpoint, formatMode } from '../listing.ts';
import { printableLine } from '../printable.ts';
import { PATH_HELP, parseCheckpoint, pathArgument, printRead, withSourceOptions } from '../read-pod.ts';
import { formatBytes } from '../units.ts';

const LEGEND = `
Each line begins with what changed: + added, - removed, C content, M metadata only (and which), T another kind of thing.`;

/** Adds `deskpod diff`. */
export function registerDiff(program: Command): void {
  withSourceOptions(program.command('diff'))
    .argument('<before>', 'a checkpoint: a number, or latest')
    .argument('<after>', 'another one')
    .argument('[path]', 'only there and below')
    .option('--base64', 'the path is given in base64')
    .description('what changed from one checkpoint to another')
    .addHelpText('after', `${LEGEND}\n${PATH_HELP}`)
    .action(
      async (
        before: string,
        after: string,
        path: string | undefined,
        options: { base64?: boolean },
        command: Command,
      ) => {
        const request = {
          before: parseCheckpoint(before),
          after: parseCheckpoint(after),
          at: pathArgument(path ?? '', options.base64),
        };
        await printRead(command, 'diff', request, {
          list: 'changes',
          describe: describeChange,
          conclude: describeDifference,
        });
      },
    );
}

function describeChange(change: ChangeReport): string {
  const { kind, before, after, isContentChanged, fields } = change;
  const path = printableLine(change.path);
  const size = (entry: EntryReport | undefined): string =>
    entry?.sizeBytes === undefined ? '' : `  ${formatBytes(entry.sizeBytes)}`;
  switch (kind) {
    case 'added':
      return `+ ${path}${size(after)}`;
    case 'removed':
      return `- ${path}${size(before)}`;
    case 'retyped':
      return `T ${path}  ${before?.kind} is now a ${after?.kind}`;
    case 'changed': {
      const parts = [...contentOf(change), ...fields.map((field) => describeField(field, before, after))];
      return `${isContentChanged ? 'C' : 'M'} ${path}  ${parts.join(', ')}`;
    }
  }
}

function contentOf({ isContentChanged, before, after }: ChangeReport): string[] {
  if (!isContentChanged) return [];
  if (after?.target !== undefined) return [`to ${printableLine(after.target)}`];
  const [old, young] = [before?.sizeBytes ?? 0, after?.sizeBytes ?? 0];
  return [old === young ? formatBytes(young) : `${formatBytes(old)} to ${formatBytes(young)}`];
}

function describeField(
  field: ChangeReport['fields'][number],
  before: EntryReport | undefined,
  after: EntryReport | undefined,
): string {
  if (before === undefined || after === undefined) return field;
  if (field === 'mode') return `mode ${formatMode(before)} to ${formatMode(after)}`;
  if (field === 'uid' || field === 'gid') return `${field} ${before[field]} to ${after[field]}`;
  return field;
}

function describeDifference(difference: Difference): string {
  const { before, after, added, removed, retyped, contentChanged, metadataChanged } = difference;
  const heading = `${formatCheckpoint(before)} to ${formatCheckpoint(after)}:`;
  const counts = [
    `${added} added`,
    `${removed} removed`,
    `${contentChanged} with other content`,
    `${metadataChanged} with other metadata`,
    ...(retyped === 0 ? [] : [`${retyped} of another kind`]),
  ];
  const sizes = `${formatBytes(difference.newBytes)} new, ${formatBytes(difference.formerBytes)} gone`;
  const rest = [
    ...(difference.isImagesChanged === true ? ['the processes differ'] : []),
    ...(difference.isBaseChanged ? ['the base differs'] : []),
  ];
  return [`${heading} ${counts.join(', ')}; ${sizes}`, ...rest].join('; ');
}
