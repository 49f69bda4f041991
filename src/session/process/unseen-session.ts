// A session whose start was cut off by a kill: under the kernel module's protection already, and not noted anywhere yet.
import { readFile, rm } from 'node:fs/promises';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { pidFileOf } from '../barrier/runc.ts';
import { endGuarded } from '../tier/session-guard.ts';
import { restoredPidFile } from './criu.ts';

/**
 * Ends what a killed start left in `bundleDir`, by the pid that runc or CRIU wrote there: to look for its processes would find
 * nothing. Only for when no session of that folder is known to run.
 */
export async function endUnseen(bundleDir: string): Promise<void> {
  for (const file of pidFiles(bundleDir)) {
    const pid = Number.parseInt(await textOf(file), 10);
    if (!Number.isNaN(pid)) await endGuarded(pid);
  }
  await forgetUnseen(bundleDir);
}

/** The session is known by its note now, and those pids may become another one's: one of another pod is never to end for this. */
export async function forgetUnseen(bundleDir: string): Promise<void> {
  for (const file of pidFiles(bundleDir)) await rm(file, { force: true });
}

function pidFiles(bundleDir: string): readonly string[] {
  return [pidFileOf(bundleDir), restoredPidFile(bundleDir)];
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
}
