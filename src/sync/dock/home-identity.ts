// The identity of the computer that is home: pods seal to its recipient what they grant it. It lies outside of home's folder.
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { generateIdentity, recipientOf } from '../age/age.ts';
import { isSystemError, syncFolder } from '../repository/durable-file.ts';
import { storageError } from '../storage-failure.ts';

/** Where it lies unless the command line says otherwise: not in home's folder, which is copied to other places. */
export const HOME_IDENTITY_FILE = '/etc/deskpod/home-identity';

const OTHERS_MODE = 0o077;

/** An identity, and what others seal to it. */
export interface HomeIdentity {
  /** `AGE-SECRET-KEY-1…` */
  readonly identity: string;
  /** `age1…` */
  readonly recipient: string;
}

/**
 * The identity in a file that is its owner's alone.
 *
 * @returns undefined if there is no such file
 * @throws DeskPodError USAGE if others may read it, or if it holds something else
 */
export async function readHomeIdentity(file: string): Promise<HomeIdentity | undefined> {
  let text: string;
  try {
    const { mode } = await lstat(file);
    if ((mode & OTHERS_MODE) !== 0) {
      throw new DeskPodError('USAGE', `${file}: expected a file that its owner alone may read`, {
        hint: `Others may have read it: delete it, make another with \`deskpod home identity\`, and allow that. If nobody has, \`chmod 600 ${file}\`.`,
      });
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, file);
  }
  const identity = text
    .split('\n')
    .find((line) => line !== '' && !line.startsWith('#'))
    ?.trim();
  if (identity?.startsWith('AGE-SECRET-KEY-1') !== true) throw notOne(file);
  const recipient = await recipientOf(identity).catch((cause: unknown) => {
    throw notOne(file, cause);
  });
  return { identity, recipient };
}

/** The same; makes one where there is none. @throws DeskPodError USAGE, TARGET_WRITE_FAILED, SPACE_EXHAUSTED */
export async function requireHomeIdentity(file: string): Promise<HomeIdentity> {
  const known = await readHomeIdentity(file);
  if (known !== undefined) return known;
  const identity = await generateIdentity();
  const recipient = await recipientOf(identity);
  try {
    await mkdir(dirname(file), { recursive: true });
    const made = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await chmod(file, 0o600);
      await made.writeFile(`# the identity of this home; its recipient: ${recipient}\n${identity}\n`);
      await made.sync();
    } finally {
      await made.close();
    }
    await syncFolder(dirname(file));
  } catch (error) {
    throw storageError(error, file);
  }
  return { identity, recipient };
}

function notOne(file: string, cause?: unknown): DeskPodError {
  return new DeskPodError('USAGE', `${file}: expected the identity of a home, got something else`, {
    hint: 'Move it away and make another with `deskpod home identity`; the owners of its pods then allow that.',
    ...(cause === undefined ? {} : { cause }),
  });
}
