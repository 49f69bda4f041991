// Where the password of an rsync daemon comes from: a file named by option or environment, or a prompt. Never argv.
import { homePassword, readHomePassword } from '../sync/home/home-password.ts';
import { hiddenAnswer } from './passphrase.ts';

/** The options that name a home password's source. */
export interface HomePasswordOptions {
  readonly homePasswordFile?: string;
}

/** For `--home-password-file`. */
export const HOME_PASSWORD_OPTION = [
  '--home-password-file <file>',
  'the password that an rsync daemon asks for, in a file',
] as const;

/**
 * The password for the home at `url`, or for all homes if none is named; undefined if none is needed or known. It is asked
 * for if the URL names a user of an rsync daemon, and there is a terminal.
 *
 * @throws DeskPodError PASSPHRASE_MISSING if a file cannot be read; CANCELLED on Ctrl-C
 */
export async function askHomePassword(
  url: string | undefined,
  { homePasswordFile }: HomePasswordOptions,
): Promise<string | undefined> {
  if (homePasswordFile !== undefined) return readHomePassword(homePasswordFile);
  const known = homePassword(url ?? '');
  if (known !== undefined) return known;
  const isAsked = url !== undefined && /^rsync:\/\/[^/]*@/.test(url) && process.stdin.isTTY;
  return isAsked ? hiddenAnswer(`Password for ${url}`) : undefined;
}
