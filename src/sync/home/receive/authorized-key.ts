// The line by which sshd lets a device into a home, and into nothing else.
import { DeskPodError } from '../../../core/errors.ts';

const PUBLIC_KEY =
  /^(?<type>(?:sk-)?(?:ssh|ecdsa)-[A-Za-z0-9@.-]+) (?<key>[A-Za-z0-9+/]+={0,3})(?: (?<comment>[^\r\n]*))?$/;

/**
 * The line for `authorized_keys` that lets the owner of a public key sync to the home in `folder`: whatever that client
 * asks for, `deskpod home receive` is what runs.
 *
 * @param program the path of deskpod at home
 * @throws DeskPodError USAGE if `publicKey` is none, or a path could not be written in such a line
 */
export function authorizedKeyLine(program: string, folder: string, publicKey: string): string {
  const { type, key, comment } = PUBLIC_KEY.exec(publicKey.trim())?.groups ?? {};
  if (type === undefined || key === undefined) {
    throw new DeskPodError('USAGE', 'expected one public key of ssh, got something else', {
      hint: 'give the file that ends with .pub of the key that the device connects with',
    });
  }
  const command = `${quoted(program)} home receive ${quoted(folder)}`;
  const about = comment === undefined || comment === '' ? '' : ` ${comment}`;
  return `command="${command.replaceAll('"', '\\"')}",restrict ${type} ${key}${about}`;
}

/** For the shell that sshd runs the command with. */
function quoted(path: string): string {
  if (/[\p{Cc}\\]/u.test(path)) {
    throw new DeskPodError('USAGE', 'expected a path without control characters and backslashes', {
      hint: 'give the home another name',
      details: { path },
    });
  }
  return /^[A-Za-z0-9_./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'"'"'`)}'`;
}
