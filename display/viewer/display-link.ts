// One connection to the session's display at a time, shown by noVNC, with the reason when it ends.

import RFB from '@novnc/novnc';

/** The viewer is on the same machine as the session: pixels cost nothing, so they are not made worse. */
const BEST_QUALITY = 9;
const LITTLE_COMPRESSION = 1;

/** What a link tells. */
export interface DisplayListener {
  onOpen(): void;
  /** Once for each connection. */
  onClose(reason: string): void;
  /** The session has put text on its clipboard. */
  onClipboard(text: string): void;
}

/** Shows the display inside an element, which it fills. */
export class DisplayLink {
  readonly #element: HTMLElement;
  readonly #listener: DisplayListener;
  #rfb: RFB | undefined;

  constructor(element: HTMLElement, listener: DisplayListener) {
    this.#element = element;
    this.#listener = listener;
  }

  /** True from the call of `connect` to `onClose`. */
  get isConnected(): boolean {
    return this.#rfb !== undefined;
  }

  /** Connects, unless it is connected already. */
  connect(): void {
    if (this.#rfb !== undefined) return;
    // The socket is ours, and not made by noVNC, so that the reason of its end is not lost.
    const socket = new WebSocket(new URL('../display', location.href));
    let reason = '';
    socket.addEventListener('close', (event) => {
      reason = event.reason;
    });
    const rfb = new RFB(this.#element, socket);
    this.#rfb = rfb;
    rfb.scaleViewport = true;
    rfb.background = 'transparent';
    rfb.qualityLevel = BEST_QUALITY;
    rfb.compressionLevel = LITTLE_COMPRESSION;
    this.#label();
    rfb.addEventListener('connect', () => {
      rfb.focus({ preventScroll: true });
      this.#listener.onOpen();
    });
    rfb.addEventListener('securityfailure', ({ detail }) => {
      reason = detail.reason ?? `the display refused the connection (${detail.status})`;
    });
    rfb.addEventListener('clipboard', ({ detail }) => this.#listener.onClipboard(detail.text));
    rfb.addEventListener('disconnect', ({ detail }) => {
      this.#rfb = undefined;
      // noVNC may end the connection before the socket has said why: let that come first.
      setTimeout(() => this.#listener.onClose(reason || endOf(detail.clean)), 0);
    });
  }

  /** Gives the keyboard to the desktop. */
  focus(): void {
    this.#rfb?.focus({ preventScroll: true });
  }

  /** Puts text on the session's clipboard. */
  giveClipboard(text: string): void {
    this.#rfb?.clipboardPasteFrom(text);
  }

  /** noVNC makes its canvas without a name and out of the reach of the Tab key. */
  #label(): void {
    const canvas = this.#element.querySelector('canvas');
    if (canvas === null) throw new TypeError('noVNC made no canvas');
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', 'Desktop');
  }
}

function endOf(isClean: boolean): string {
  return isClean ? 'the connection was closed' : 'the connection broke off';
}
