// Process images in the host's memory, on their way between CRIU and the repository.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { type ContentWriter, captureTree } from '../../sync/files/capture.ts';
import type { CapturedTree } from '../../sync/pod/seal-checkpoint.ts';
import { run } from '../../sync/process.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { roomForImages } from '../host/memory.ts';
import { mountAt, readMounts } from '../host/mount-table.ts';
import { mountImagesTmpfs, type Staging } from '../host/staging.ts';
import { isHooked, refuseHook } from '../process/freeze-hook.ts';
import { isDumping } from '../process/session-members.ts';

/** To end the processes of the largest session. */
const ENDING_TIMEOUT_MS = 60_000;
const ENDING_POLL_MS = 10;
const DYING_MS = 2000;

/** An empty folder in memory for the images of this pod's session, which takes no more than there is. */
export async function openImages(staging: Staging): Promise<string> {
  await dropImages(staging);
  await mountImagesTmpfs(staging.imagesDir, await roomForImages());
  return staging.imagesDir;
}

/** Stores what CRIU has written, unless `signal` stops it; with `writer`, which may have some of it already. */
export async function captureImages(
  writer: ContentWriter,
  { imagesDir }: Staging,
  onProgress: ProgressListener,
  signal?: AbortSignal,
): Promise<CapturedTree> {
  const options = signal === undefined ? { onProgress } : { onProgress, signal };
  return { ...(await captureTree(imagesDir, writer, options)), mounts: [] };
}

/** Gives the memory back, with whatever is in it. */
export async function dropImages(staging: Staging): Promise<void> {
  await rm(endNote(staging), { force: true });
  while (mountAt(await readMounts(), staging.imagesDir) !== undefined) {
    // Lazily, as nothing in it is worth waiting for: a CRIU that was killed may leave processes that look into it.
    await run('umount', ['--lazy', '--', staging.imagesDir]);
  }
}

/**
 * Notes that CRIU has written everything and is about to end the session. It waits for this: without the note a session
 * goes on, and its images are of no use any more.
 */
export async function noteSessionEnds(staging: Staging): Promise<void> {
  await writeFile(endNote(staging), '', { mode: 0o600 });
}

/**
 * Waits for a CRIU that was let end the session: its supervisor may have been killed right after that. Only then is it
 * certain whether the session runs or its images are all there is of it. Returns at once if none was.
 * @throws DeskPodError POD_BUSY if it does not come to an end
 */
export async function untilSessionEnded(staging: Staging, isRunning: () => boolean): Promise<void> {
  if (!(await isEndNoted(staging))) return;
  await untilDumpEnds(staging, () => delay(ENDING_POLL_MS));
  // what CRIU has killed is gone a moment later; what still runs then was let go on
  for (const deadlineMs = performance.now() + DYING_MS; isRunning() && performance.now() < deadlineMs; )
    await delay(ENDING_POLL_MS);
}

/**
 * Lets a CRIU come to its end whose supervisor was killed: what it was not told to end goes on, at once instead of when
 * it is tired of waiting. To be called by who owns the device, as no supervisor lives then.
 * @throws DeskPodError POD_BUSY if it does not come to an end
 */
export async function endOrphanedDump(staging: Staging): Promise<void> {
  if (!isHooked(staging.bundleDir)) return;
  await untilDumpEnds(staging, async () => {
    const close = refuseHook(staging.bundleDir);
    await delay(ENDING_POLL_MS);
    close();
  });
}

async function untilDumpEnds({ imagesDir }: Staging, meanwhile: () => Promise<void>): Promise<void> {
  for (const deadlineMs = performance.now() + ENDING_TIMEOUT_MS; await isDumping(imagesDir); ) {
    if (performance.now() > deadlineMs) {
      throw new DeskPodError('POD_BUSY', 'a dump of this session has not come to its end', {
        hint: 'CRIU is still at work on it. Wait until it is done, then try again.',
      });
    }
    await meanwhile();
  }
}

/**
 * Whether the images of a session that was ended by its suspend are still in memory: its supervisor was killed before it
 * had sealed them, or could not seal them. To be asked only when no session of this pod runs.
 */
export async function holdsEndedSession(staging: Staging): Promise<boolean> {
  // CRIU writes the inventory last, after every page.
  return (await isEndNoted(staging)) && (await listNames(staging.imagesDir)).includes('inventory.img');
}

async function isEndNoted(staging: Staging): Promise<boolean> {
  return (await listNames(staging.privateDir)).some(
    (name) => join(staging.privateDir, name) === endNote(staging),
  );
}

function endNote({ privateDir }: Staging): string {
  return join(privateDir, 'session-ended');
}

async function listNames(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
