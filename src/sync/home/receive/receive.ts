// A home that takes what a device sends by ssh and lets it do nothing else: the other end of a restricted account.
import { mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../../core/errors.ts';
import {
  isSecluded,
  parseReceiveRequest,
  splitCommand,
  type WriteRequest,
} from '../../../core/receive-request.ts';
import { tryLock } from '../../posix/flock.ts';
import { ProcessError, runAttached } from '../../process.ts';
import { isSystemError } from '../../repository/durable-file.ts';
import { removeStale, temporaryName } from '../../repository/temporary-name.ts';
import { storageError } from '../../storage-failure.ts';
import { HOME_MARKER } from '../home.ts';
import { keepLeftovers, PARTIAL_FOLDER } from '../partial-objects.ts';
import { Incoming } from './incoming.ts';
import { takeHead } from './receive-head.ts';
import { readSecludedWords } from './secluded-words.ts';

const STDIN = 0;
/** They are not asked for, and the words that ask for them are refused; this holds should that ever change. */
const PLAIN_FILES_ONLY = ['--no-links', '--no-devices', '--no-specials'] as const;

/** New folders and files are for home's user only, whatever a device asks for. */
const PRIVATE_UMASK = 0o077;

/**
 * Does what the client at the other end of standard input and output asks for, if a device may ask for it: to list and
 * fetch what lies in the home at `folder`, to add objects, to put whole ones in the place of damaged ones, and to move a
 * head forward.
 *
 * @param command the client's own words, as sshd hands them on in SSH_ORIGINAL_COMMAND
 * @returns the exit code of rsync
 * @throws DeskPodError USAGE for anything else; HOME_NOT_FOUND if the folder is no home; OBJECT_DAMAGED if objects came
 * with other bytes than their names promise; HOME_DAMAGED, HOME_FENCED, HOME_FOREIGN for a head that is not taken
 */
export async function receive(folder: string, command: string): Promise<number> {
  process.umask(PRIVATE_UMASK);
  const place = resolve(folder);
  const words = splitCommand(command);
  if (isSecluded(words)) words.push(...readSecludedWords(STDIN).slice(1));
  const request = parseReceiveRequest(words, place);
  const home = await openFolder(place);
  if (request.kind === 'read') {
    await settleLeft(home);
    return runRsync(home, ['--server', '--sender', ...request.options, '.', `./${request.folder}`]);
  }
  const repositoryDir = join(home, 'pods', request.podId);
  const incoming = await Incoming.open(repositoryDir);
  return request.kind === 'head'
    ? receiveHead(repositoryDir, request, incoming)
    : receiveObjects(request, incoming);
}

async function openFolder(place: string): Promise<string> {
  try {
    const home = await realpath(place);
    await readFile(join(home, HOME_MARKER));
    return home;
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT') && !isSystemError(cause, 'ENOTDIR')) throw cause;
    throw new DeskPodError('HOME_NOT_FOUND', `${place}: there is no home: expected the file ${HOME_MARKER}`, {
      hint: 'at home, mount the drive it is on, or run `deskpod home authorize` again',
      cause,
    });
  }
}

/** What an interrupted transfer brought whole counts as sent, so that nobody sends it again. */
async function settleLeft(home: string): Promise<void> {
  try {
    for (const podId of await readdir(join(home, 'pods'))) {
      const incoming = await Incoming.find(join(home, 'pods', podId));
      await incoming?.settle();
    }
  } catch (error) {
    // a home that is full or read-only can still be read
    if (!isSystemError(error, 'ENOENT') && !isDeskPodError(storageError(error))) throw error;
  }
}

async function receiveObjects(request: WriteRequest, incoming: Incoming): Promise<number> {
  const lock = tryLock(incoming.writerLock);
  try {
    if (lock !== undefined) {
      const unfinished = await incoming.listUnfinished();
      await keepLeftovers(incoming.objectsDir, unfinished, new Set(unfinished));
    }
    await incoming.settle();
    const always = [`--partial-dir=${PARTIAL_FOLDER}`, ...PLAIN_FILES_ONLY];
    const exitCode = await runRsync(incoming.objectsDir, [
      '--server',
      ...request.options,
      ...always,
      '.',
      './',
    ]);
    const { refused } = await incoming.settle();
    if (refused.length === 0) return exitCode;
    throw new DeskPodError(
      'OBJECT_DAMAGED',
      `${refused[0]} does not have the bytes that its name promises, and was not taken`,
      { hint: 'look at this device with `deskpod verify`', details: { refused } },
    );
  } finally {
    lock?.release();
  }
}

async function receiveHead(
  repositoryDir: string,
  { podId, options }: WriteRequest,
  incoming: Incoming,
): Promise<number> {
  await removeStale(incoming.headsDir);
  const folder = join(incoming.headsDir, await temporaryName());
  await mkdir(folder, { mode: 0o700 });
  try {
    const exitCode = await runRsync(folder, ['--server', ...options, ...PLAIN_FILES_ONLY, '.', './head']);
    if (exitCode === 0) await takeHead(repositoryDir, podId, join(folder, 'head'), incoming);
    return exitCode;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runRsync(cwd: string, args: readonly string[]): Promise<number> {
  try {
    return await runAttached('rsync', args, { cwd });
  } catch (error) {
    if (!(error instanceof ProcessError) || !error.notFound) throw error;
    throw new DeskPodError('HOME_UNREACHABLE', 'the host has no rsync', {
      hint: 'install rsync there',
      cause: error,
    });
  }
}
