// A note on the host about the session that runs on it: how the next supervisor finds it after the last was killed.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, type ProcessIdentity } from '../host/process-identity.ts';
import type { Staging } from '../host/staging.ts';
import { runsGuarded } from '../tier/session-guard.ts';
import { untilSessionEnded } from './session-images.ts';

/** What is known of a running session outside of the pod. It holds no secret, and is worth nothing after a reboot. */
export interface SessionNote {
  readonly devicePath: string;
  readonly podId: string;
  /** The session's first process, on this host. */
  readonly root: ProcessIdentity;
}

/** Writes the note; the former one is replaced at once. */
export async function writeSessionNote(staging: Staging, note: SessionNote): Promise<void> {
  const path = notePath(staging);
  await writeFile(`${path}.new`, JSON.stringify(note), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/**
 * The note, if there is one and its session still runs. Waits for a suspend that is about to end it.
 * @throws DeskPodError POD_BUSY if that does not come to an end
 */
export async function readSessionNote(staging: Staging): Promise<SessionNote | undefined> {
  const note = await parseNote(notePath(staging));
  if (note === undefined || !runs(note)) return undefined;
  await untilSessionEnded(staging, () => runs(note));
  return runs(note) ? note : undefined;
}

/** One that the kernel module protects is not to be seen; the module says whether it runs. */
function runs({ root }: SessionNote): boolean {
  return isRunning(root) || runsGuarded(root.pid);
}

async function parseNote(path: string): Promise<SessionNote | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as SessionNote;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Takes the note away, when the session has ended. */
export async function removeSessionNote(staging: Staging): Promise<void> {
  await rm(notePath(staging), { force: true });
}

function notePath(staging: Staging): string {
  return join(staging.privateDir, 'session.json');
}
