// The one connection by which the page is told what happens, made again whenever it is lost.
import type { LiveMessage } from '../../../src/session/dashboard/contract.ts';
import { forgetRunningWorks, noteWork } from '../work/works.ts';
import { get, liveUrl } from './api.ts';
import { type Failure, failureOf, NO_ANSWER, NOT_LET_IN } from './failure.ts';
import { announce, connection, now, overview, tellEvents } from './store.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
/** The dashboard was ended: nobody will answer at this address again. */
const ENDED_CODE = 4004;
const ENDED: Failure = {
  code: 'ENDED',
  message: 'The dashboard was ended',
  hint: 'Start it again with “deskpod dashboard”, and open the link that it prints. Pods go on without it.',
};

let waitMs = FIRST_WAIT_MS;
let timer: ReturnType<typeof setTimeout> | undefined;
let socket: WebSocket | undefined;

/** Begins to listen, for as long as the page is open. */
export function startLive(): void {
  connect();
  addEventListener('online', tryNow);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') tryNow();
  });
}

/** Does not wait for the next attempt. */
export function tryNow(): void {
  if (connection.peek().state === 'lost') connect();
}

function connect(): void {
  clearTimeout(timer);
  socket?.close();
  const current = new WebSocket(liveUrl());
  socket = current;
  current.onmessage = ({ data }) => take(JSON.parse(String(data)) as LiveMessage);
  current.onclose = ({ code }) => {
    if (socket !== current) return;
    socket = undefined;
    void handleLoss(code);
  };
}

function take(message: LiveMessage): void {
  switch (message.kind) {
    case 'overview':
      if (connection.peek().state === 'lost') announce('Connected again.');
      waitMs = FIRST_WAIT_MS;
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
  const former = connection.peek().state;
  forgetRunningWorks();
  if (code === ENDED_CODE) return end(ENDED);
  const failure = await findCause();
  if (failure.code === NOT_LET_IN.code) return end(failure);
  if (former === 'open') announce('The connection was lost. Trying again.');
  connection.value = { state: 'lost', failure };
  timer = setTimeout(connect, waitMs);
  waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
}

function end(failure: Failure): void {
  connection.value = { state: 'ended', failure };
  announce(`${failure.message}.`);
}

/** A WebSocket does not say why it could not be opened; a request does. */
async function findCause(): Promise<Failure> {
  try {
    await get('overview', { signal: AbortSignal.timeout(LONGEST_WAIT_MS) });
    return NO_ANSWER;
  } catch (thrown) {
    return thrown instanceof DOMException ? NO_ANSWER : failureOf(thrown);
  }
}
