// Paths inside a session's root file system, reached from the host without following the session's links.
import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';

/** Linux's O_PATH, which Node does not name: a handle to a place, not to its content. */
const O_PATH = 0o10000000;

/**
 * The host's path of `path` inside `rootDir`, for writing there while no session runs: every folder on the way is a
 * real one. A link on the way could lead host root to the host's own files, as links are resolved at the host's root.
 * @throws DeskPodError SESSION_START_FAILED naming the link.
 */
export async function pathInRoot(rootDir: string, path: string): Promise<string> {
  const names = path.split('/').filter((name) => name !== '');
  let place = rootDir;
  for (const name of names.slice(0, -1)) {
    place = `${place}/${name}`;
    const stat = await lstat(place);
    if (!stat.isDirectory()) {
      throw new DeskPodError(
        'SESSION_START_FAILED',
        `${path}: ${name} is expected to be a folder in the pod`,
        {
          hint: 'A package replaced a folder of the system by a link: resume an older checkpoint or restore the pod.',
          details: { path: place },
        },
      );
    }
  }
  return `${place}/${names.at(-1) ?? ''}`;
}

/** A file of a session: `path` names that very file as long as it is not closed. */
export interface RootedFile {
  readonly path: string;
  /** True for a regular file, false for a folder, pipe, socket or device. */
  readonly isFile: boolean;
  close(): Promise<void>;
}

/**
 * Opens the place of `path` in the root of a running process, as {@link openInRoot} does.
 * @throws the system's error: also ESRCH or ENOENT if the process has ended.
 */
export function openInProcessRoot(pid: number, path: string): Promise<RootedFile> {
  return openInRoot(`/proc/${pid}/root`, path);
}

/**
 * Opens the place of `path` in a root file system, component by component and without following links: the session
 * may replace any of its folders by a link at any moment, and would send host root to a file of the host. Opens the
 * place only, never what is there: a pipe does not block.
 * @throws the system's error: ENOENT if it is not there, ENOTDIR or ELOOP if a link is in the way.
 */
export async function openInRoot(rootDir: string, path: string): Promise<RootedFile> {
  const names = path.split('/').filter((name) => name !== '');
  if (names.includes('..') || names.includes('.')) throw new TypeError(`not a plain path: ${path}`);
  let handle: FileHandle = await open(rootDir, O_PATH | constants.O_DIRECTORY);
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const flags = O_PATH | constants.O_NOFOLLOW | (isLast ? 0 : constants.O_DIRECTORY);
    const parent = handle;
    try {
      handle = await open(`/proc/self/fd/${parent.fd}/${name}`, flags);
    } finally {
      await parent.close();
    }
  }
  const found = handle;
  const stat = await found.stat();
  if (stat.isSymbolicLink()) {
    await found.close();
    throw Object.assign(new Error(`${path}: is a link`), { code: 'ELOOP' });
  }
  return { path: `/proc/self/fd/${found.fd}`, isFile: stat.isFile(), close: () => found.close() };
}
