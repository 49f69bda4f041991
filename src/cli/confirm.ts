// The question before what is on a device is erased: answered by typing its name, so that no habit answers it.
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { DeskPodError, isDeskPodError } from '../core/errors.ts';
import type { DeviceTarget } from '../session/device/device-target.ts';
import type { SeenTarget } from '../session/device/seen-target.ts';
import { printableLine } from './printable.ts';
import { formatBytes } from './units.ts';

/** The options of a command that erases. */
export interface EraseOptions {
  /** Erase what is there; without it the command itself refuses. */
  readonly force?: boolean;
  /** Do not ask. */
  readonly yes?: boolean;
}

/**
 * Asks before `--force` erases a block device or an image file that something was written to. Nothing is asked about a
 * folder, of which only files of the same names are replaced, or where nothing is yet.
 *
 * @returns what was there when its name was typed, for whoever erases it: a drive may be swapped for another one meanwhile
 * @throws DeskPodError USAGE if there is no terminal to ask at, CANCELLED for any answer but the name
 */
export async function confirmErasing(path: string, options: EraseOptions): Promise<SeenTarget | undefined> {
  if (options.force !== true || options.yes === true) return undefined;
  const target = await existingTarget(path);
  if (target === undefined || target.isBlank) return undefined;
  const seen = await seeAsRoot(path);
  const { describeContents } = await import('../session/device/device-target.ts');
  const contents = (await describeContents(target.path)) ?? 'nothing that is recognized';
  const what = `${formatBytes(target.sizeBytes)}, ${contents}`;
  if (!process.stdin.isTTY) {
    throw new DeskPodError('USAGE', `--force erases ${path} (${what}), and there is no terminal to ask at`, {
      hint: 'Give --yes besides --force if all that is on it may go.',
      details: { path: target.path, contents },
    });
  }
  const name = basename(path);
  process.stderr.write(
    `Everything on ${printableLine(target.path)} will be erased: ${printableLine(what)}.\n`,
  );
  if ((await ask(`Type ${printableLine(name)} to go on: `)).trim() === name) return seen;
  throw new DeskPodError('CANCELLED', `${path}: its name was not typed; nothing on it was changed`);
}

/**
 * Asks a question that only `yes` answers.
 *
 * @returns false if there is no terminal to ask at
 * @throws DeskPodError CANCELLED for any other answer
 */
export async function confirmWithYes(statement: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  process.stderr.write(`${printableLine(statement)}\n`);
  if ((await ask('Type yes to go on: ')).trim().toLowerCase() === 'yes') return true;
  throw new DeskPodError('CANCELLED', 'it was not answered with yes; nothing was changed');
}

/** What a killed command left mounted there changes it once more. Whoever is not root is told by the command itself. */
async function seeAsRoot(path: string): Promise<SeenTarget | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  const { releaseUnfinished } = await import('../session/pod/release.ts');
  const { seeTarget } = await import('../session/device/seen-target.ts');
  await releaseUnfinished(path);
  return seeTarget(path);
}

async function existingTarget(path: string): Promise<DeviceTarget | undefined> {
  const { findTarget } = await import('../session/device/device-target.ts');
  try {
    return await findTarget(path);
  } catch (error) {
    // The command itself says what it makes of a path where nothing is, or a folder.
    if (isDeskPodError(error, 'DEVICE_NOT_FOUND')) return undefined;
    throw error;
  }
}

function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve, reject) => {
    // Ctrl-C and Ctrl-D close it; after an answer this changes nothing.
    lines.once('close', () => reject(new DeskPodError('CANCELLED', 'stopped at the question')));
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}
