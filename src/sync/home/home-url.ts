// The address of a home, as the user writes it.
import { isAbsolute, normalize } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';

/** A home's place: one that rsync reaches, or a twin. */
export type HomeAddress = RsyncAddress | { readonly kind: 'twin'; readonly path: string };

/** A place that rsync reaches. */
export type RsyncAddress =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'ssh';
      /** `user@host` or `host`, never an option. */
      readonly destination: string;
      readonly port: number | undefined;
      readonly path: string;
    }
  | {
      readonly kind: 'daemon';
      /** `user@host` or `host`. */
      readonly destination: string;
      readonly port: number | undefined;
      /** The module, and a path below it if there is one, with a slash before it. */
      readonly path: string;
    };

const HOST = String.raw`(?<destination>(?:[^@/:\s]+@)?(?:[^@/:[\]\s]+|\[[0-9a-fA-F:.]+\]))`;
const SSH_URL = new RegExp(String.raw`^ssh://${HOST}(?::(?<port>\d{1,5}))?(?<path>/.*)$`);
const SSH_SHORT = new RegExp(`^${HOST}:(?<path>/(?!/).*)$`);
const DAEMON_URL = new RegExp(String.raw`^rsync://${HOST}(?::(?<port>\d{1,5}))?(?<path>/[^/].*)$`);

/** Before the path of a twin: of a drive by its file system's id, of an image file, or of a folder. */
export const TWIN_SCHEME = 'twin://';

/** Longer than any path. */
const URL_MAX_LENGTH = 8192;
const PORT_MAX = 65_535;

/**
 * Reads `/path`, `user@host:/path`, `ssh://user@host:port/path`, `rsync://user@host:port/module/path` or `twin:///path`.
 * @throws DeskPodError USAGE for anything else
 */
export function parseHomeUrl(url: string): HomeAddress {
  if (url.length > URL_MAX_LENGTH)
    throw new DeskPodError(
      'USAGE',
      `expected a home’s address of at most ${URL_MAX_LENGTH} characters, got ${url.length}`,
    );
  if (isAbsolute(url) && !url.includes('\0'))
    return { kind: 'folder', path: withoutEndingSlash(normalize(url)) };
  if (url.startsWith(`${TWIN_SCHEME}/`) && !url.includes('\0'))
    return { kind: 'twin', path: withoutEndingSlash(normalize(url.slice(TWIN_SCHEME.length))) };
  const daemon = DAEMON_URL.exec(url);
  const parts = daemon ?? SSH_URL.exec(url) ?? SSH_SHORT.exec(url);
  const { destination, port, path } = parts?.groups ?? {};
  // ssh would take such a name for an option, and some options run programs
  if (
    destination === undefined ||
    path === undefined ||
    /^-|@-/.test(destination) ||
    url.includes('\0') ||
    Number(port ?? 0) > PORT_MAX
  ) {
    throw new DeskPodError(
      'USAGE',
      `expected /path, user@host:/path, ssh://user@host:port/path or rsync://user@host:port/module, got ${withoutPassword(url)}`,
      {
        hint: 'give the home as an absolute path, on this host or on another; a password never belongs in it',
      },
    );
  }
  return {
    kind: daemon === null ? 'ssh' : 'daemon',
    destination,
    port: port === undefined ? undefined : Number(port),
    path: withoutEndingSlash(path),
  };
}

/** True for the URL of a twin. */
export function isTwinUrl(url: string): boolean {
  return url.startsWith(TWIN_SCHEME);
}

/** The URL of the twin at an absolute path. */
export function twinUrl(path: string): string {
  return `${TWIN_SCHEME}${path}`;
}

function withoutEndingSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

/** `user:password@host` is refused, and the password must not come back in the message. */
function withoutPassword(url: string): string {
  return url.replace(/:[^/@]*@/, ':…@');
}
