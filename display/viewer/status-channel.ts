// What happens to the session, as the viewer's server tells it, for as long as that is heard.

/** Says that this page goes by itself. A browser that crashes does not say that, and its desktop goes on for a while. */
const PAGE_LEFT = 4005;

/** What happens to the desktop. */
export type News = { readonly state: 'running' } | AwayStatus;
/** What a server tells: what happens, and what the page needs to know besides. */
export type Status = About & News;

interface About {
  readonly title: string;
  readonly canSuspend: boolean;
  /** What has to be known while the desktop runs. */
  readonly notice?: string;
}

interface AwayStatus {
  readonly state: 'suspending' | 'suspended' | 'resuming' | 'ended';
  /** One sentence. */
  readonly text: string;
}

/** What a channel tells. */
export interface StatusListener {
  onStatus(status: Status): void;
  /** The server is not heard any more: whoever answers at its address now may be another user's program. */
  onLost(): void;
}

/** Listens to the status of the session, and carries the page's wishes. */
export class StatusChannel {
  readonly #socket = new WebSocket(new URL('../status', location.href));

  constructor(listener: StatusListener) {
    this.#socket.addEventListener('message', ({ data }) =>
      listener.onStatus(JSON.parse(String(data)) as Status),
    );
    this.#socket.addEventListener('close', () => listener.onLost());
    addEventListener('pagehide', () => this.#socket.close(PAGE_LEFT, 'the page was left'));
    // one that the browser brings back from its memory has lost its connections, and begins anew
    addEventListener('pageshow', ({ persisted }) => {
      if (persisted) location.reload();
    });
  }

  /** Asks for the session to be suspended. */
  suspend(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send('{"want":"suspend"}');
  }
}
