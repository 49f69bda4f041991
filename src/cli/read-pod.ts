// Commands that read a pod piece by piece: what they share.
import type { Command } from 'commander';
import { DeskPodError } from '../core/errors.ts';
import { operateStream, operateStreamAtHome } from '../session/operation/operate-stream.ts';
import type { StreamName, StreamOperations } from '../session/operation/stream-operations.ts';
import type { PathReport } from '../sync/browse/browse-path.ts';
import type { CheckpointName } from '../sync/browse/checkpoint-choice.ts';
import type { HomePodAccess } from '../sync/browse/home-pod.ts';
import { absoluteUrl } from './commands/home.ts';
import { contextOf, withPodOptions } from './context.ts';
import { EXIT_STATUS, exitStatusOf } from './exit-codes.ts';
import { ExitStatus } from './exit-status.ts';
import { parseNumber } from './number.ts';
import type { OutputOptions } from './output.ts';
import { ResultList } from './result-list.ts';

/** What each pattern option says of its grammar. */
export const PATTERN_HELP = `
PATTERN is written as a line of a .gitignore: * is any run of characters but /, ? one byte, [a-z] [!a-z] one of a set,
** between slashes any number of folders; with a slash at its start or within it counts from the top of the checkpoint,
without it is a name at any depth; with a slash at its end it means folders only; \\ takes the next character as it is.
Names are bytes: ? and * match those that are not UTF-8, too.`;

/** What commands that take a path say of it. */
export const PATH_HELP = `
PATH counts from the top of the checkpoint, with or without a slash before it. With --base64 it is given in base64, as
--json shows names that are not UTF-8 ("pathBase64").`;

/** Where a home keeps histories of a pod beside the one that it goes on with. */
export const BRANCH_OPTION = [
  '--branch <name>',
  'with --from: a branch of the pod, by how its name begins; see deskpod branches',
] as const;

/** The options by which a command finds the pod that it reads: on a device, or at a home. */
export function withSourceOptions(command: Command): Command {
  return withPodOptions(command)
    .option('--from <url>', 'look into the pod at this home instead: nothing there changes')
    .option('--pod <id>', 'with --from: which pod, if home has more than one')
    .option(...BRANCH_OPTION);
}

interface SourceOptions {
  readonly device?: string;
  readonly from?: string;
  readonly pod?: string;
  readonly branch?: string;
}

/** Runs a stream operation on the pod that the command was pointed at: on a device, or at home. */
export async function readPod<Name extends StreamName>(
  command: Command,
  name: Name,
  parameters: StreamOperations[Name]['parameters'],
  emit: (item: StreamOperations[Name]['item']) => Promise<void> | void,
): Promise<StreamOperations[Name]['answer']> {
  const access = await homeAccess(command);
  if (access !== undefined) return operateStreamAtHome(access, name, parameters, emit);
  const { output, passphrase, credential } = contextOf(command);
  const { device } = command.optsWithGlobals<SourceOptions>();
  const told = { onProgress: output.progress, onNotice: output.remark };
  return operateStream(device, name, parameters, emit, { passphrase, credential, ...told });
}

/**
 * What the command says of a pod at home; undefined if it means one on a device.
 *
 * @throws DeskPodError USAGE for options that do not go together, and what asking for a key throws
 */
export async function homeAccess(command: Command): Promise<HomePodAccess | undefined> {
  const { output, credential } = contextOf(command);
  const { device, from, pod, branch } = command.optsWithGlobals<SourceOptions>();
  if (from === undefined) {
    if (branch === undefined) return undefined;
    throw new DeskPodError('USAGE', '--branch is given without --from', {
      hint: 'Say at which home the branch is: --from HOME. `deskpod branches` lists those of each home.',
    });
  }
  if (device !== undefined) throw bothPlaces();
  return {
    ...{ url: absoluteUrl(from), credential: await credential(), onProgress: output.progress },
    ...(pod === undefined ? {} : { podId: pod }),
    ...(branch === undefined ? {} : { branch }),
  };
}

/** The error for a command that is pointed at a device and at a home. */
export function bothPlaces(): DeskPodError {
  return new DeskPodError('USAGE', 'both --device and --from are given', {
    hint: 'Say --device for the pod on a device, or --from for the pod at a home.',
  });
}

/** Reads and prints a list: `list` names it in JSON, `describe` makes a line of an item, `conclude` ends the text. */
export async function printRead<Name extends StreamName>(
  command: Command,
  name: Name,
  parameters: StreamOperations[Name]['parameters'],
  style: {
    readonly list: string;
    describe(item: StreamOperations[Name]['item']): string;
    conclude(answer: StreamOperations[Name]['answer']): string;
  },
): Promise<void> {
  const { output } = contextOf(command);
  const { ndjson } = command.optsWithGlobals<OutputOptions>();
  const { isMachine } = output;
  const results = new ResultList<StreamOperations[Name]['item']>({
    ...{ name: style.list, isMachine, isLines: ndjson === true },
    describe: style.describe,
  });
  try {
    const answer = await readPod(command, name, parameters, (item) => results.add(item));
    await results.end(answer, style.conclude(answer));
  } catch (error) {
    if (!(await results.fail(error))) throw error;
    output.complain(error);
    throw new ExitStatus(error instanceof DeskPodError ? exitStatusOf(error.code) : EXIT_STATUS.failed);
  }
}

/** A checkpoint as the user types it. @throws DeskPodError USAGE */
export function parseCheckpoint(text: string): CheckpointName {
  return text === 'latest' ? text : parseNumber(text);
}

/** A path as the user types it. */
export function pathArgument(text: string, isBase64: boolean | undefined): PathReport {
  return isBase64 === true ? { path: '', pathBase64: text } : { path: text };
}
