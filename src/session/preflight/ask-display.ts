// Asking a session's own display something by X11, and letting go of it so that the session can be dumped right after.
import { SESSION_DISPLAY } from '../barrier/environment.ts';
import { connectInProcessRoot } from '../barrier/rooted-socket.ts';
import { endsWithin } from '../host/deadline.ts';
import { displayFault } from '../rfb/fault.ts';
import { untilDisplayWaits } from './waiting-display.ts';
import { X11Client } from './x11.ts';

/** How long all questions together may take: the display is the session's, and need not answer. */
const DISPLAY_TIMEOUT_MS = 2000;
const WAIT_TIMEOUT_MS = 300;
const HANG_UP_TIMEOUT_MS = 300;

/**
 * Connects to the display of the session whose first process is `rootPid`, and asks. The connection is one out of the session: it
 * must not be open while the session is dumped, and on return the display has mostly noticed its end.
 * @throws DeskPodError DISPLAY_FAILED, or the system's error if there is no display
 */
export async function askDisplay<Answer>(
  rootPid: number,
  ask: (display: X11Client) => Promise<Answer>,
): Promise<Answer> {
  await untilDisplayWaits(rootPid, WAIT_TIMEOUT_MS);
  const socket = await connectInProcessRoot(rootPid, `/tmp/.X11-unix/X${SESSION_DISPLAY}`);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  const timer = setTimeout(
    () => socket.destroy(displayFault(`expected an answer within ${DISPLAY_TIMEOUT_MS} ms`)),
    DISPLAY_TIMEOUT_MS,
  );
  try {
    return await ask(await X11Client.open(socket));
  } finally {
    clearTimeout(timer);
    socket.end();
    await endsWithin(closed, HANG_UP_TIMEOUT_MS);
    socket.destroy();
  }
}
