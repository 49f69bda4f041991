// deskpod restore --into: files of a checkpoint into a folder, all of them or those that patterns mean.
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import type { PlannedEntry, RestoredPaths } from '../../sync/browse/restore-paths.ts';
import { describeLosses } from '../../sync/pod/new-device.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { formatCheckpoint } from '../listing.ts';
import { printableLine } from '../printable.ts';
import { PATTERN_HELP, printRead } from '../read-pod.ts';
import { formatBytes } from '../units.ts';

/** The options of a restore by path. */
export interface RestoreFilesOptions {
  readonly into?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
  readonly verify?: boolean;
  readonly checkpoint?: number;
}

const HELP = `
With --to a pod is rebuilt, which takes over from the lost device. With --into files are restored, and the pod stays as
it is: from home (--from), or from a pod's own repository (--device).
${PATTERN_HELP}
A pattern that means a folder means what is in it. With --overwrite what differs in size or time is compared chunk by
chunk and only what differs is written; an interrupted restore that is run again so goes on where it stopped. Nothing is
deleted, and no link in the folder is followed. --verify compares the content of every file, and reads back what was
written. A desktop's files keep the ids that they have on the device.`;

/** Adds the options of a restore by path to \`deskpod restore\`. */
export function withRestoreFilesOptions(command: Command): Command {
  const collect = (pattern: string, patterns: readonly string[] = []): string[] => [...patterns, pattern];
  return command
    .option('--into <folder>', 'restore files into this folder, and leave the pod as it is')
    .addOption(
      new Option('-d, --device <path>', 'with --into: out of the pod on this device, image file or folder'),
    )
    .option('--include <pattern>', 'with --into: only what this means; may be repeated', collect)
    .option('--exclude <pattern>', 'with --into: not what this means; may be repeated', collect)
    .option('--overwrite', 'with --into: the folder may hold something; what differs is replaced')
    .option('--dry-run', 'with --into: only say what would be made, replaced and left')
    .option('--verify', 'with --into: compare every file’s content, and read back what was written')
    .addHelpText('after', HELP);
}

/** Runs `deskpod restore --into`. */
export async function restoreFiles(
  into: string,
  options: RestoreFilesOptions,
  command: Command,
): Promise<void> {
  const { from, device, to } = command.optsWithGlobals<{ from?: string; device?: string; to?: string }>();
  if (to !== undefined || (from === undefined) === (device === undefined)) {
    throw new DeskPodError('USAGE', 'expected --into with --from or --device, and without --to', {
      hint: 'Say --from HOME to restore files from a home, or --device PATH to restore them out of a pod that is here.',
    });
  }
  const isDryRun = options.dryRun === true;
  let losses: readonly string[] = [];
  const request = {
    checkpoint: options.checkpoint ?? ('latest' as const),
    into: resolve(into),
    includes: options.include ?? [],
    excludes: options.exclude ?? [],
    mayOverwrite: options.overwrite === true,
    isDryRun,
    isVerified: options.verify === true,
  };
  await printRead(command, 'restore-paths', request, {
    list: 'plan',
    describe: describePlanned,
    conclude: (answer) => {
      losses = describeLosses(answer.notRestored);
      return [...(isDryRun ? describeRehearsal(answer) : describeRestored(answer, into)), ...losses].join(
        '\n',
      );
    },
  });
  if (losses.length > 0) throw new ExitStatus(EXIT_STATUS.partlyDone);
}

function describePlanned({ verdict, kind, path, reason }: PlannedEntry): string {
  const shown = path === '' ? '.' : printableLine(path);
  return `${verdict.padEnd(8)} ${shown}${kind === 'directory' ? '/' : ''}${reason === undefined ? '' : `  (${printableLine(reason)})`}`;
}

function describeRehearsal({ checkpoint, verdicts, writtenBytes, blocked }: RestoredPaths): string[] {
  const { made, replaced, described, left } = verdicts;
  const counts = `${made} to make, ${replaced} to replace, ${described} to describe, ${left} to leave`;
  const blockedText = blocked === 0 ? '' : `; ${blocked} blocked: a restore would end there`;
  return [
    `of ${formatCheckpoint(checkpoint)}: ${counts}; ${formatBytes(writtenBytes)} at most${blockedText}`,
  ];
}

function describeRestored(answer: RestoredPaths, into: string): string[] {
  const { checkpoint, files, bytes, writtenBytes, verdicts, verifiedFiles, fetched } = answer;
  const { made, replaced, described, left } = verdicts;
  return [
    `${files} files (${formatBytes(bytes)}) of ${formatCheckpoint(checkpoint)} are in ${printableLine(into)}: ` +
      `${made} entries made, ${replaced} replaced, ${described} described anew, ${left} left; ${formatBytes(writtenBytes)} written`,
    ...(verifiedFiles === undefined ? [] : [`${verifiedFiles} files read back and proven`]),
    ...(fetched === undefined || fetched.packs === 0
      ? []
      : [`${fetched.packs} packs fetched (${formatBytes(fetched.bytes)})`]),
  ];
}
