// A file index that does not know some files: they are read again though nothing of them seems to have changed.
import type { FileIndex, FileIndexRun } from '../files/file-index.ts';

/** `index` without the paths for which `isUnsure` is true; what is read of them is remembered all the same. */
export function withoutUnsure(index: FileIndex, isUnsure: (path: Uint8Array) => boolean): FileIndex {
  return {
    begin: async (startedAtMs) => doubting(await index.begin(startedAtMs), isUnsure),
    clear: () => index.clear(),
  };
}

/** The same for one run. */
export function doubting(run: FileIndexRun, isUnsure: (path: Uint8Array) => boolean): FileIndexRun {
  return {
    find: (path, stamp) => (isUnsure(path) ? undefined : run.find(path, stamp)),
    remember: (stamp, entry) => run.remember(stamp, entry),
    replace: (path) => run.replace?.(path),
    isOfCheckpoint: (entry) => run.isOfCheckpoint?.(entry) === true,
    settle: (isOfCheckpoint) => run.settle(isOfCheckpoint),
    abandon: () => run.abandon(),
  };
}
