// Starting a door: a process of its own that answers a page from now on, while the command that asked goes home.
import { fileURLToPath } from 'node:url';
import { DeskPodError } from '../../core/errors.ts';
import type { Geometry } from '../barrier/bundle.ts';
import { requireRoot } from '../host/root-rights.ts';
import { askOwnProcess } from '../supervisor/own-process.ts';

const DOOR = fileURLToPath(new URL('./main.ts', import.meta.url));

/** What a door is told. */
export interface DoorOrder {
  readonly devicePath: string;
  /** Of the screen of a fresh session. */
  readonly geometry: Geometry;
}

/**
 * Serves the page that opens the pod on a device whose session does not run.
 *
 * @returns the one-time address of the page, and the process that serves it
 * @throws DeskPodError ROOT_NEEDED, VIEWER_FAILED, and what mounting the device and reading its keyring throw
 */
export async function launchDoor(
  order: DoorOrder,
): Promise<{ readonly url: string; readonly doorPid: number }> {
  requireRoot('opening a pod');
  return askOwnProcess(DOOR, order, {
    failed: (what, cause) =>
      new DeskPodError('VIEWER_FAILED', `the page that opens the pod ${what}`, {
        hint: 'Run the command again, or start the pod with `deskpod start`.',
        ...(cause === undefined ? {} : { cause }),
      }),
  });
}
