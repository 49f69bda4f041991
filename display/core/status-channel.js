// What happens to the session, as the viewer's server tells it; connects again on its own.

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4000;

/**
 * Listens to the status of the session.
 * @param {{ onStatus: (status: {state: string, text: string, title: string, canSuspend: boolean}) => void,
 *   onLost: () => boolean }} listener `onLost` is called each time that the server cannot be heard;
 *   it returns whether to go on trying.
 */
export class StatusChannel {
  #listener;
  #socket;
  #waitMs = FIRST_WAIT_MS;

  constructor(listener) {
    this.#listener = listener;
    this.#connect();
  }

  /** Asks for the session to be suspended. */
  suspend() {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send('{"want":"suspend"}');
  }

  #connect() {
    this.#socket = new WebSocket(new URL('../status', location.href));
    this.#socket.addEventListener('message', ({ data }) => {
      this.#waitMs = FIRST_WAIT_MS;
      this.#listener.onStatus(JSON.parse(data));
    });
    this.#socket.addEventListener('close', () => {
      if (!this.#listener.onLost()) return;
      setTimeout(() => this.#connect(), this.#waitMs);
      this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
    });
  }
}
