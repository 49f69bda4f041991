// Reading /proc of processes that may end at any moment.
import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';

/** Errors that say that a process, a thread or a descriptor is not there any more. */
const GONE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EINVAL', 'EPERM']);

/** A file's text; empty if it is gone. */
export function readProc(path: string): string {
  return unlessGone(() => readFileSync(path, 'latin1')) ?? '';
}

/** A folder's names; none if it is gone. */
export function listProc(path: string): readonly string[] {
  return unlessGone(() => readdirSync(path)) ?? [];
}

/** Where a link leads; undefined if it is gone. */
export function linkOf(path: string): string | undefined {
  return unlessGone(() => readlinkSync(path));
}

/** What a link of /proc leads to; undefined if it is gone. */
export function statOf(path: string): Stats | undefined {
  return unlessGone(() => statSync(path));
}

function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
