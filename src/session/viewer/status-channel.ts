// The small channel on which every open page hears what happens to the session.

import type { WebSocket } from 'ws';

/** What happens to the session, for the page. */
type ViewerStatus = RunningStatus | AwayStatus;

/** The page connects, and shows the desktop. */
interface RunningStatus {
  readonly state: 'running';
}

/** The page keeps the last picture away, and says why. */
export interface AwayStatus {
  readonly state: 'suspending' | 'suspended' | 'resuming' | 'ended';
  /** One sentence for the person who looks. */
  readonly text: string;
}

/** What a page may ask for. */
export type PageWish = 'suspend';

/** A page that lets this much pile up is gone. */
const UNSENT_LIMIT_BYTES = 64 * 1024;

/** Tells all pages the same status. */
export class StatusChannel {
  readonly #pages = new Set<WebSocket>();
  readonly #about: Readonly<Record<string, unknown>>;
  readonly #onWish: (wish: PageWish) => void;
  #status: ViewerStatus = { state: 'running' };
  #notice: string | undefined;

  /** `about` is sent along with every status: what the page needs to know besides. */
  constructor(about: Readonly<Record<string, unknown>>, onWish: (wish: PageWish) => void) {
    this.#about = about;
    this.#onWish = onWish;
  }

  /** Takes a new page's WebSocket; it hears the status at once. */
  add(page: WebSocket): void {
    this.#pages.add(page);
    page.on('close', () => this.#pages.delete(page));
    page.on('error', () => page.terminate());
    page.on('message', (data, isBinary) => {
      if (!isBinary && String(data) === '{"want":"suspend"}') this.#onWish('suspend');
    });
    this.#send(page);
  }

  /** Tells all pages. */
  tell(status: ViewerStatus): void {
    this.#status = status;
    this.#sendAll();
  }

  /** Has it stand beside the desktop on all pages, those that come later too, until it is put away there or no more so. */
  notify(notice: string | undefined): void {
    if (notice === this.#notice) return;
    this.#notice = notice;
    this.#sendAll();
  }

  #sendAll(): void {
    for (const page of this.#pages) this.#send(page);
  }

  /** Ends the channel of every page; resolves when all have heard. */
  async close(): Promise<void> {
    const closing = [...this.#pages].map((page) => {
      const closed = new Promise<void>((resolve) => {
        page.once('close', () => resolve());
      });
      page.close(1001, 'the viewer was closed');
      return closed;
    });
    await Promise.all(closing);
  }

  #send(page: WebSocket): void {
    if (page.bufferedAmount > UNSENT_LIMIT_BYTES) page.terminate();
    else page.send(JSON.stringify({ ...this.#about, notice: this.#notice, ...this.#status }));
  }
}
