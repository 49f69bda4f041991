// What happens to the session, as the viewer's server tells it; connects again on its own.

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4000;
/** Says that this page goes by itself. A browser that crashes does not say that, and its desktop goes on for a while. */
const PAGE_LEFT = 4005;

/** What a server tells: a state, one sentence, and what the page needs to know besides. */
export interface Status {
  readonly state: 'running' | 'suspending' | 'suspended' | 'resuming' | 'ended';
  readonly text: string;
  readonly title: string;
  readonly canSuspend: boolean;
}

/** What a channel tells. */
export interface StatusListener {
  onStatus(status: Status): void;
  /** The server cannot be heard; answers whether to go on trying. */
  onLost(): boolean;
}

/** Listens to the status of the session, and carries the page's wishes. */
export class StatusChannel {
  readonly #listener: StatusListener;
  #socket: WebSocket;
  #waitMs = FIRST_WAIT_MS;

  constructor(listener: StatusListener) {
    this.#listener = listener;
    this.#socket = this.#connect();
    // a page that the browser brings back from its memory connects again, as after any end
    addEventListener('pagehide', () => this.#socket.close(PAGE_LEFT, 'the page was left'));
  }

  /** Asks for the session to be suspended. */
  suspend(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send('{"want":"suspend"}');
  }

  #connect(): WebSocket {
    const socket = new WebSocket(new URL('../status', location.href));
    socket.addEventListener('message', ({ data }) => {
      this.#waitMs = FIRST_WAIT_MS;
      this.#listener.onStatus(JSON.parse(String(data)) as Status);
    });
    socket.addEventListener('close', () => {
      if (!this.#listener.onLost()) return;
      setTimeout(() => {
        this.#socket = this.#connect();
      }, this.#waitMs);
      this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
    });
    return socket;
  }
}
