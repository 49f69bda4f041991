// The passwords of rsync daemons that this process was told. None is in an argument, a URL or the log.
import { readFileSync } from 'node:fs';
import { DeskPodError } from '../../core/errors.ts';

const told = new Map<string, string>();

/** Keeps the password of the home at `url` for as long as this process lives; without one all stays as it is. */
export function rememberHomePassword(url: string, password: string | undefined): void {
  if (password !== undefined) told.set(url, password);
}

/** Forgets what was told of the home at `url`. */
export function forgetHomePassword(url: string): void {
  told.delete(url);
}

/**
 * The password that is known for the home at `url`: what was told, or else the first line of the file that
 * DESKPOD_HOME_PASSWORD_FILE names.
 *
 * @throws DeskPodError PASSPHRASE_MISSING if that file cannot be read
 */
export function homePassword(url: string): string | undefined {
  const known = told.get(url);
  const file = process.env.DESKPOD_HOME_PASSWORD_FILE;
  return known === undefined && file !== undefined ? readHomePassword(file) : known;
}

/**
 * The first line of a password file.
 *
 * @throws DeskPodError PASSPHRASE_MISSING if it cannot be read
 */
export function readHomePassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  } catch (cause) {
    throw new DeskPodError('PASSPHRASE_MISSING', `the password file ${file} of the home could not be read`, {
      cause,
      hint: 'Check the path and its permissions.',
    });
  }
}
