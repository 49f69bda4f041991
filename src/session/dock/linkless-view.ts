// A folder of somebody's as root may work in it: links in it lead nowhere, whoever puts them there, and whenever.
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { lstat, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { refused } from '../../sync/dock/continuation.ts';
import { REPOSITORY_FOLDER, TREE_POD_DIR } from '../../sync/pod/pod-folder.ts';
import { type FileLock, tryLock } from '../../sync/posix/flock.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { unmount } from '../pod/layer.ts';

const VIEWS_DIR = '/run/deskpod/views';
const LOCK = '.lock';
const OPTIONS = 'remount,bind,nosuid,nodev,noexec,nosymfollow';

/**
 * Lets `act` work with a tree pod on a drive that others may write to. Root does so in a view of it of its own, in which the kernel
 * follows no link, also none that is put there meanwhile.
 *
 * @throws DeskPodError MOUNT_FAILED; DOCK_REFUSED if `act` met a link; what `act` throws
 */
export async function withoutLinks<Result>(
  dir: string,
  act: (view: string) => Promise<Result>,
): Promise<Result> {
  await requireNoLinks(dir);
  if (process.geteuid?.() !== 0) return act(dir);
  await mkdir(VIEWS_DIR, { recursive: true, mode: 0o700 });
  await removeAbandoned();
  const view = join(VIEWS_DIR, randomBytes(8).toString('hex'));
  const lock = tryLock(view + LOCK);
  // a sweep looks at it in this moment, and finds it locked the next time
  if (lock === undefined) return withoutLinks(dir, act);
  try {
    await mkdir(view, { mode: 0o700 });
    await bind(dir, view);
    return await act(view);
  } catch (error) {
    if (!isSystemError(error, 'ELOOP')) throw error;
    throw leadsElsewhere(dir, error);
  } finally {
    await remove(view, lock);
  }
}

/** Views of processes that were killed: they keep a drive in use that its owner has taken for unmounted. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(VIEWS_DIR)) {
    if (!name.endsWith(LOCK)) continue;
    const lock = tryLock(join(VIEWS_DIR, name));
    if (lock !== undefined)
      await remove(join(VIEWS_DIR, name.slice(0, -LOCK.length)), lock).catch(unlessHeld);
  }
}

/** What cannot be unmounted keeps its lock file, and is met again. Nothing in it is ever removed. */
async function remove(view: string, lock: FileLock): Promise<void> {
  try {
    await unmount(view);
    await rmdir(view).catch(unlessAbsent);
    await rm(lock.path, { force: true });
  } finally {
    lock.release();
  }
}

/** A pod has no links of its own. @throws DeskPodError DOCK_REFUSED */
async function requireNoLinks(dir: string): Promise<void> {
  const pod = join(dir, TREE_POD_DIR);
  const repository = join(pod, REPOSITORY_FOLDER);
  const folders = [pod, repository];
  for (const folder of folders) {
    const found = await lstat(folder).catch(unlessAbsent);
    if (found?.isSymbolicLink() === true) throw leadsElsewhere(folder);
  }
  for (const entry of (await readdir(repository, { withFileTypes: true }).catch(unlessAbsent)) ?? [])
    if (entry.isSymbolicLink()) throw leadsElsewhere(join(repository, entry.name));
}

/** What is not there is told of by whoever opens it. */
function unlessAbsent(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error;
}

/** What somebody still works in hinders no other view: the next one looks again. */
function unlessHeld(error: unknown): void {
  if (!isDeskPodError(error, 'MOUNT_FAILED')) throw error;
}

function leadsElsewhere(path: string, cause?: unknown): DeskPodError {
  const hint = 'Nothing behind it was touched. A pod has no links of its own: look who put it there.';
  return refused('stranger', `${path}: a link in a pod's folder leads elsewhere`, hint, cause);
}

async function bind(dir: string, view: string): Promise<void> {
  // what is opened here cannot be exchanged for something else before it is mounted
  const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await run('mount', ['--bind', '--make-private', '--', `/proc/${process.pid}/fd/${fd}`, view]);
    await run('mount', ['-o', OPTIONS, '--', view]);
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    throw new DeskPodError('MOUNT_FAILED', `${dir}: no view of it without links could be mounted`, {
      hint: 'This needs root, and Linux 5.10 or newer. Run `deskpod sync` as whom the pod belongs to instead.',
      details: { dir, output: error.stderrTail },
      cause: error,
    });
  } finally {
    closeSync(fd);
  }
}
