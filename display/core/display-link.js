// One connection to the session's display at a time, shown by noVNC, with the reason when it ends.

import RFB from '../novnc/core/rfb.js';

/** The viewer is on the same machine as the session: pixels cost nothing, so they are not made worse. */
const BEST_QUALITY = 9;
const LITTLE_COMPRESSION = 1;

/** Shows the display inside an element. Fires `onOpen`, `onClose(reason)` once per connection, and `onClipboard(text)`. */
export class DisplayLink {
  #element;
  #listener;
  #rfb;

  /**
   * @param {HTMLElement} element what the display fills
   * @param {{ onOpen: () => void, onClose: (reason: string) => void, onClipboard: (text: string) => void }} listener
   */
  constructor(element, listener) {
    this.#element = element;
    this.#listener = listener;
  }

  /** True from the call of `connect` to `onClose`. */
  get isConnected() {
    return this.#rfb !== undefined;
  }

  /** Connects, unless it is connected already. */
  connect() {
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

  /** Ends the connection, if there is one. */
  disconnect() {
    this.#rfb?.disconnect();
  }

  /** Gives the keyboard to the desktop. */
  focus() {
    this.#rfb?.focus({ preventScroll: true });
  }

  /** Puts text on the session's clipboard. */
  giveClipboard(text) {
    this.#rfb?.clipboardPasteFrom(text);
  }

  /** noVNC makes its canvas without a name and out of the reach of the Tab key. */
  #label() {
    const canvas = this.#element.querySelector('canvas');
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', 'Desktop');
  }
}

function endOf(isClean) {
  return isClean ? 'the connection was closed' : 'the connection broke off';
}
