// What hooks printed and how they ended, kept on this host: a line of JSON for each run.
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HookRun } from './run-hook.ts';
import type { HookEvent } from './steps.ts';

/** Then it becomes the former one, and a new one begins. */
const MOST_BYTES = 1 << 20;

/** Where it is kept: DESKPOD_HOOK_LOG, or with root's logs, or among the user's own state. */
export function hookRecordPath(): string {
  if (process.env.DESKPOD_HOOK_LOG !== undefined) return process.env.DESKPOD_HOOK_LOG;
  if (process.geteuid?.() === 0) return '/var/log/deskpod/hooks.log';
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'deskpod/hooks.log');
}

/** Adds one run. @throws the system's errors */
export async function recordRun({ podId, step, phase, atMs }: HookEvent, run: HookRun): Promise<void> {
  const path = hookRecordPath();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (found !== undefined && found.size > MOST_BYTES) await rename(path, `${path}.1`);
  const at = new Date(atMs).toISOString();
  await appendFile(path, `${JSON.stringify({ at, podId, step, phase, ...run })}\n`, { mode: 0o600 });
}
