// The address of a home, as the user writes it.
import { isAbsolute, normalize } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';

/** A home's place. */
export type HomeAddress =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'ssh';
      /** `user@host` or `host`, never an option. */
      readonly destination: string;
      readonly port: number | undefined;
      readonly path: string;
    };

/**
 * Reads `/path`, `user@host:/path` or `ssh://user@host:port/path`.
 * @throws DeskPodError USAGE for anything else
 */
export function parseHomeUrl(url: string): HomeAddress {
  if (isAbsolute(url)) return { kind: 'folder', path: withoutEndingSlash(normalize(url)) };
  const parts =
    /^ssh:\/\/(?<destination>(?:[^@/:\s]+@)?(?:[^@/:[\]\s]+|\[[0-9a-fA-F:.]+\]))(?::(?<port>\d{1,5}))?(?<path>\/.*)$/.exec(
      url,
    ) ?? /^(?<destination>(?:[^@/:\s]+@)?(?:[^@/:[\]\s]+|\[[0-9a-fA-F:.]+\])):(?<path>\/(?!\/).*)$/.exec(url);
  const { destination, port, path } = parts?.groups ?? {};
  // ssh would take such a name for an option, and some options run programs
  if (destination === undefined || path === undefined || /^-|@-/.test(destination) || path.includes('\0')) {
    throw new DeskPodError(
      'USAGE',
      `expected /path, user@host:/path or ssh://user@host:port/path, got ${url}`,
      {
        hint: 'give the home as an absolute path, on this host or on another',
      },
    );
  }
  return {
    kind: 'ssh',
    destination,
    port: port === undefined ? undefined : Number(port),
    path: withoutEndingSlash(path),
  };
}

function withoutEndingSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
