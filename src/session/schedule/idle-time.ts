// For how long nobody has used a session's keyboard or pointer: its display knows, whoever looks at it and however.
import { isDeskPodError } from '../../core/errors.ts';
import { askDisplay } from '../preflight/ask-display.ts';

/**
 * Milliseconds since the last input of the session's display, as its screen saver counts them; undefined if it does not say.
 * Input of programs in the session counts, too, as of a test that types.
 */
export async function readIdleMs(rootPid: number): Promise<number | undefined> {
  try {
    return await askDisplay(rootPid, (display) => display.idleMs());
  } catch (error) {
    // a session whose display cannot be asked is taken for one that is used
    if (isDeskPodError(error, 'DISPLAY_FAILED') || (error instanceof Error && 'syscall' in error))
      return undefined;
    throw error;
  }
}
