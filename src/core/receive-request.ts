// What a device may ask of a home through a restricted account: the words of `rsync --server`, checked one by one.
import { DeskPodError } from './errors.ts';

/** What a device may ask for. */
export type ReceiveRequest = ReadRequest | WriteRequest;

/** To list or fetch. */
export interface ReadRequest {
  readonly kind: 'read';
  /** The pod, in hexadecimal; undefined for a look at the home as a whole. */
  readonly podId: string | undefined;
  /** The folder to read, relative to the home and ending with a slash; empty for the home itself. */
  readonly folder: string;
  /** What rsync is told besides, all of it known and harmless. */
  readonly options: readonly string[];
}

/** To bring objects, whole ones for damaged ones, or a head. */
export interface WriteRequest {
  readonly kind: 'add' | 'replace' | 'head';
  readonly podId: string;
  readonly options: readonly string[];
}

/** Letters of the cluster that mean nothing but how to talk. The capabilities of the client follow its `e`. */
const CLUSTER = /^-(?<flags>[A-Za-z]*?)(?<capabilities>e\d*\.\d*[A-Za-z]*)?$/;
const READ_FLAGS = /^[dRrs]*$/;
const WRITE_FLAGS = /^[IRs]*$/;
const READ_OPTIONS =
  /^--(?:list-only|files-from=-|from0|ignore-missing-args|timeout=\d{1,6}|bwlimit=\d{1,12})$/;
const WRITE_OPTIONS =
  /^--(?:ignore-existing|fsync|stats|partial-dir=\.partial|timeout=\d{1,6}|bwlimit=\d{1,12})$/;
const POD_PATH = /^pods\/(?<podId>[0-9a-f]{32})\/(?<rest>head)?$/;

/** True if the words are followed by more of them on standard input, as rsync's `--secluded-args` sends them. */
export function isSecluded(words: readonly string[]): boolean {
  return words.some((word) => (CLUSTER.exec(word)?.groups?.flags ?? '').includes('s'));
}

/**
 * The words of a command that a client sent by ssh.
 *
 * @throws DeskPodError USAGE for anything but a run of rsync, and for words that a shell would read otherwise
 */
export function splitCommand(command: string): string[] {
  const [program, ...words] = command.split(' ');
  if (program !== 'rsync' || words[0] !== '--server' || !/^[A-Za-z0-9 ./=_-]*$/.test(command)) {
    throw refused('a run of rsync by deskpod', command === '' ? 'no command' : 'another command');
  }
  return words;
}

/**
 * What is asked for by the words after `rsync`, for the home in `folder`.
 *
 * @throws DeskPodError USAGE for a word that is not known, and for a path that is no place of this home
 */
export function parseReceiveRequest(words: readonly string[], folder: string): ReceiveRequest {
  const [server, second] = words;
  if (server !== '--server') throw refused('--server', server);
  const isRead = second === '--sender';
  const end = words.lastIndexOf('.');
  const path = words[end + 1];
  if (end < 1 || path === undefined || words.length !== end + 2)
    throw refused('one path', `${words.length} words`);
  const place = placeOf(path, folder);
  const { flags, options } = readOptions(words.slice(isRead ? 2 : 1, end), isRead);
  const { podId, rest } = POD_PATH.exec(place)?.groups ?? {};
  if (isRead) {
    if (place !== '' && place !== 'pods/' && (podId === undefined || rest !== undefined))
      throw refusedPath(path);
    return { kind: 'read', podId, folder: place, options };
  }
  if (podId === undefined) throw refusedPath(path);
  if (rest === 'head') return { kind: 'head', podId, options };
  return { kind: flags.includes('I') ? 'replace' : 'add', podId, options };
}

function readOptions(
  words: readonly string[],
  isRead: boolean,
): { readonly flags: string; readonly options: string[] } {
  const options: string[] = [];
  let all = '';
  for (let at = 0; at < words.length; at += 1) {
    let word = words[at] ?? '';
    if (word === '--partial-dir') {
      at += 1;
      word += `=${words[at] ?? ''}`;
    }
    const { flags, capabilities = '' } = CLUSTER.exec(word)?.groups ?? {};
    if (flags === undefined) {
      if (!(isRead ? READ_OPTIONS : WRITE_OPTIONS).test(word))
        throw refused('an option that a home takes', word);
      options.push(word);
    } else {
      if (!(isRead ? READ_FLAGS : WRITE_FLAGS).test(flags)) throw refused('options that a home takes', word);
      all += flags;
      // what was secluded has been read
      const rest = flags.replaceAll('s', '') + capabilities;
      if (rest !== '') options.push(`-${rest}`);
    }
  }
  return { flags: all, options };
}

/** A path of the home, relative to it. It must be spelled as the home's own. */
function placeOf(path: string, folder: string): string {
  const whole = folder.endsWith('/') ? folder : `${folder}/`;
  if (path === folder || path === whole) return '';
  const place = path.startsWith(whole) ? path.slice(whole.length) : '..';
  if (place.split('/').includes('..')) throw refusedPath(path);
  return place;
}

function refusedPath(path: string): DeskPodError {
  return new DeskPodError('USAGE', 'expected a place of this home, got another path', {
    hint: 'name the home by the path that was authorized',
    details: { path },
  });
}

function refused(expected: string, got: string | undefined): DeskPodError {
  return new DeskPodError('USAGE', `expected ${expected}, got ${got?.slice(0, 80) ?? 'nothing'}`, {
    hint: 'this account takes nothing but the syncs and restores of deskpod',
  });
}
