// Folders in which devices turn up: image files and device nodes with a pod's label, and tree pods on what is mounted there.
import { type Dirent, type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { merge, Observable } from 'rxjs';
import { MARKER_FILE, TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { isOutOfMeans } from '../../sync/storage-failure.ts';
import type { Candidate, DeviceSource } from './device-source.ts';
import { candidateAt } from './drive-source.ts';
import { PatientLooks } from './patient-looks.ts';

/** While a folder is not there, such as that of a mount point. */
const RETRY_MS = 2000;
/** Each thing that is looked at is an open file meanwhile, and a folder may have any number of them. */
const OPEN_MOST = 64;

/**
 * What turns up right in one of these folders, or is one of them.
 * @param answerTimeoutMs how long each thing in them is waited for, as a drive may be behind it
 */
export function folderSource(dirs: readonly string[], answerTimeoutMs?: number): DeviceSource {
  const folders = new PatientLooks<Listing>(answerTimeoutMs);
  const entries = new PatientLooks<readonly Candidate[]>(answerTimeoutMs);
  const listings = new Map<string, Listing>();
  let known = new Map<string, readonly Candidate[]>();
  const lookInto = async (dir: string): Promise<readonly Candidate[]> => {
    const listing = (await folders.ask(dir, () => listingOf(dir)))?.found ?? listings.get(dir) ?? EMPTY;
    listings.set(dir, listing);
    const look = async (entry: Dirent): Promise<readonly [string, readonly Candidate[]]> => {
      const path = join(dir, entry.name);
      const answer = await entries.ask(path, () => lookAt(path, entry));
      return [path, answer?.found ?? known.get(path) ?? []];
    };
    const seen = new Map<string, readonly Candidate[]>();
    for (let at = 0; at < listing.entries.length; at += OPEN_MOST) {
      const found = await Promise.all(listing.entries.slice(at, at + OPEN_MOST).map(look));
      for (const [path, candidates] of found) seen.set(path, candidates);
    }
    known = new Map([...known, ...seen]);
    return [...listing.own, ...[...seen.values()].flat()];
  };
  return {
    list: async () => {
      const found = (await Promise.all(dirs.map(lookInto))).flat();
      const isThere = new Set(found.map(({ path }) => path));
      known = new Map([...known].filter(([path]) => isThere.has(path)));
      return found;
    },
    hints: merge(
      new Observable<string>((subscriber) => {
        const onHint = (dir: string): void => {
          folders.noteChange();
          entries.noteChange();
          subscriber.next(dir);
        };
        const stops = dirs.map((dir) => hintsOf(dir, () => onHint(dir)));
        return () => {
          for (const stop of stops) stop();
        };
      }),
      folders.late,
      entries.late,
    ),
  };
}

/** A folder that may itself hold a tree pod, and what lies in it. */
interface Listing {
  readonly own: readonly Candidate[];
  readonly entries: readonly Dirent[];
}

const EMPTY: Listing = { own: [], entries: [] };

async function listingOf(dir: string): Promise<Listing> {
  return { own: await treePodAt(dir), entries: await entriesOf(dir) };
}

async function lookAt(path: string, entry: Dirent): Promise<readonly Candidate[]> {
  if (entry.isDirectory()) return treePodAt(path);
  if (!entry.isFile() && !entry.isBlockDevice()) return [];
  const candidate = await candidateAt(path);
  return candidate === undefined ? [] : [candidate];
}

/**
 * Node's watching passes over what the kernel could not tell; here a hint only says to look, and the time says so, too.
 * @returns stops it
 */
function hintsOf(dir: string, onHint: () => void): () => void {
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    try {
      watcher = watch(dir, { persistent: false }, onHint);
      watcher.on('error', again);
      onHint();
    } catch {
      again(); // it is not there yet: whoever lists it finds that, too
    }
  };
  const again = (): void => {
    watcher?.close();
    timer = setTimeout(begin, RETRY_MS);
    timer.unref();
  };
  begin();
  return () => {
    clearTimeout(timer);
    watcher?.close();
  };
}

async function treePodAt(dir: string): Promise<readonly Candidate[]> {
  const status = await statusAt(join(dir, TREE_POD_DIR, MARKER_FILE)).catch(unlessForbidden);
  return status?.isFile() === true ? [{ path: dir, fingerprint: `${status.dev}:${status.ino}` }] : [];
}

async function entriesOf(dir: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (error) {
    unlessForbidden(error);
    return [];
  }
}

function unlessForbidden(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === undefined || isOutOfMeans(error)) throw error;
  return undefined;
}
