// The one check that this process may mount and format.
import { DeskPodError } from '../../core/errors.ts';

/**
 * Refuses to go on without root.
 * @param what what needs it, for the message
 * @throws DeskPodError ROOT_NEEDED
 */
export function requireRoot(what: string): void {
  const uid = process.geteuid?.() ?? 0;
  if (uid === 0) return;
  throw new DeskPodError('ROOT_NEEDED', `${what} needs root, this is user ${uid}`, {
    hint: 'run the same command with sudo',
    details: { uid },
  });
}
