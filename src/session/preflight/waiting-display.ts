// Whether a session's display takes connections now: CRIU dumps none that it has not taken, or whose end it has not noticed.
import { setTimeout as delay } from 'node:timers/promises';
import { displayFault } from '../rfb/fault.ts';
import { stateOfService } from './session-tasks.ts';

const DISPLAY_PROGRAM = 'Xvnc';
const LOOK_EVERY_MS = 5;
/** As in /proc/PID/stat: it waits for whoever wants something of it. */
const WAITING = 'S';
/** By a signal, by a tracer, ended: it will not wait by itself. */
const STOPPED_STATES: ReadonlySet<string> = new Set(['T', 't', 'Z', 'X']);

/**
 * Settles when the display of the session is seen to wait. One that is stopped, or computes or hangs all the time, would keep a
 * connection as it is until it goes on, and no checkpoint could be made meanwhile.
 * @throws DeskPodError DISPLAY_FAILED with the reason, if the display is not seen to wait within `timeoutMs`
 */
export async function untilDisplayWaits(rootPid: number, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const state = stateOfService(rootPid, DISPLAY_PROGRAM);
    if (state === WAITING) return;
    if (state === undefined) throw displayFault('the session has no display');
    if (STOPPED_STATES.has(state)) throw displayFault('the display is stopped');
    if (performance.now() > deadlineMs) throw displayFault(`the display was busy for ${timeoutMs} ms`);
    await delay(LOOK_EVERY_MS);
  }
}
