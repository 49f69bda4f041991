// Folders in which devices turn up: image files and device nodes with a pod's label, and tree pods on what is mounted there.
import { type Dirent, type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Observable } from 'rxjs';
import { MARKER_FILE, TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import type { Candidate, DeviceSource } from './device-source.ts';
import { candidateAt } from './drive-source.ts';

/** While a folder is not there, such as that of a mount point. */
const RETRY_MS = 2000;

/** What turns up right in one of these folders, or is one of them. */
export function folderSource(dirs: readonly string[]): DeviceSource {
  return {
    list: async () => {
      const found: Candidate[] = [];
      for (const dir of dirs) {
        found.push(...(await treePodAt(dir)));
        for (const entry of await entriesOf(dir)) {
          const path = join(dir, entry.name);
          if (entry.isDirectory()) found.push(...(await treePodAt(path)));
          else if (entry.isFile() || entry.isBlockDevice()) {
            const candidate = await candidateAt(path);
            if (candidate !== undefined) found.push(candidate);
          }
        }
      }
      return found;
    },
    hints: new Observable((subscriber) => {
      const stops = dirs.map((dir) => hintsOf(dir, () => subscriber.next(dir)));
      return () => {
        for (const stop of stops) stop();
      };
    }),
  };
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
  if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  return undefined;
}
