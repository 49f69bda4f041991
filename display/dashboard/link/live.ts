// The one connection by which the page is told what happens. It is made once: when it is gone, the page asks for nothing more.
import type { LiveMessage } from '../../../src/session/dashboard/contract.ts';
import { forgetRunningWorks, noteWork } from '../work/works.ts';
import { get, liveUrl } from './api.ts';
import { type Failure, failureOf, LOST, NO_ANSWER } from './failure.ts';
import { announce, connection, now, overview, tellEvents } from './store.ts';

const CAUSE_TIMEOUT_MS = 8000;
/** The dashboard was ended: nobody will answer at this address again. */
const ENDED_CODE = 4004;
const ENDED: Failure = {
  code: 'ENDED',
  message: 'The dashboard was ended',
  hint: 'Start it again with “deskpod dashboard”, and open the link that it prints. Pods go on without it.',
};

/**
 * Begins to listen, for as long as the page is open. Whoever listens at this address after the dashboard has ended may be
 * another user's program: it would be shown what is typed. So a connection that was lost is not made again.
 */
export function startLive(): void {
  const socket = new WebSocket(liveUrl());
  socket.onmessage = ({ data }) => take(JSON.parse(String(data)) as LiveMessage);
  socket.onclose = ({ code }) => void handleLoss(code);
}

function take(message: LiveMessage): void {
  switch (message.kind) {
    case 'overview':
      now.value = Date.now();
      overview.value = message.overview;
      connection.value = { state: 'open' };
      return;
    case 'work':
      noteWork(message.work);
      return;
    case 'events':
      tellEvents(message.pod, message.events);
  }
}

async function handleLoss(code: number): Promise<void> {
  const wasOpen = connection.peek().state === 'open';
  forgetRunningWorks();
  if (code === ENDED_CODE) end(ENDED);
  else end(wasOpen ? LOST : await findCause());
}

function end(failure: Failure): void {
  connection.value = { state: 'ended', failure };
  announce(`${failure.message}.`);
}

/** A WebSocket does not say why it could not be opened; a request does. */
async function findCause(): Promise<Failure> {
  try {
    await get('overview', { signal: AbortSignal.timeout(CAUSE_TIMEOUT_MS) });
    return NO_ANSWER;
  } catch (thrown) {
    return thrown instanceof DOMException ? NO_ANSWER : failureOf(thrown);
  }
}
