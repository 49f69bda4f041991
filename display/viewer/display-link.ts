// One connection to the session's display at a time, shown by noVNC, with the reason when it ends.

import { decodeJpegAside } from './jpeg-rectangles.ts';
import { joinKeys } from './key-field.ts';
import { type DisplaySize, SizedRfb } from './sized-rfb.ts';

/** JPEG of 92 with colours at full resolution. That of 9 is of 100, which nobody sees, and costs twice as much. */
const QUALITY = 8;
const LITTLE_COMPRESSION = 1;
const NOT_SHOWN = 'the desktop sent what cannot be shown';
/** The X11 keysym of the left Shift key: by itself it means nothing. */
const SHIFT = 0xffe1;

/** What a link tells. */
export interface DisplayListener {
  onOpen(): void;
  /** Once for each connection. */
  onClose(reason: string): void;
  /** The session has put text on its clipboard. */
  onClipboard(text: string): void;
}

/** Shows the display inside an element, which it fills, and takes keys in a field. */
export class DisplayLink {
  readonly #element: HTMLElement;
  readonly #field: HTMLTextAreaElement;
  readonly #listener: DisplayListener;
  #size: DisplaySize = 'kept';
  #rfb: SizedRfb | undefined;

  constructor(element: HTMLElement, field: HTMLTextAreaElement, listener: DisplayListener) {
    this.#element = element;
    this.#field = field;
    this.#listener = listener;
    joinKeys(field, {
      get element() {
        return element.querySelector('canvas') ?? undefined;
      },
      press: (keysym) => this.#rfb?.sendKey(keysym, null),
    });
    // noVNC would give the keyboard to its canvas, where nothing can be composed.
    for (const begun of ['mousedown', 'touchend'])
      element.addEventListener(begun, () => this.focus(), { capture: true });
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
      reason ||= event.reason;
    });
    const rfb = new SizedRfb(this.#element, socket);
    this.#rfb = rfb;
    rfb.scaleViewport = true;
    rfb.focusOnClick = false;
    rfb.displaySize = this.#size;
    rfb.background = 'transparent';
    rfb.qualityLevel = QUALITY;
    rfb.compressionLevel = LITTLE_COMPRESSION;
    this.#hideCanvas();
    rfb.addEventListener('connect', () => {
      // An X server takes the keyboard of viewers up at the first key, and loses that if no key had its sign before.
      rfb.sendKey(SHIFT, null);
      this.focus();
      this.#listener.onOpen();
    });
    rfb.addEventListener('securityfailure', ({ detail }) => {
      reason = detail.reason ?? `the display refused the connection (${detail.status})`;
    });
    rfb.addEventListener('clipboard', ({ detail }) => this.#listener.onClipboard(detail.text));
    // noVNC throws at what it cannot draw or keep, and would then draw nothing any more, connected as it is.
    const giveUp = (): void => {
      reason = NOT_SHOWN;
      rfb.disconnect();
    };
    addEventListener('error', giveUp, { once: true });
    decodeJpegAside(rfb, giveUp);
    rfb.addEventListener('disconnect', ({ detail }) => {
      removeEventListener('error', giveUp);
      this.#rfb = undefined;
      // noVNC may end the connection before the socket has said why: let that come first.
      setTimeout(() => this.#listener.onClose(reason || endOf(detail.clean)), 0);
    });
  }

  /** Ends the connection, if there is one. */
  disconnect(): void {
    this.#rfb?.disconnect();
  }

  /** Gives the keyboard to the desktop. */
  focus(): void {
    this.#field.focus({ preventScroll: true });
  }

  /** Puts text on the session's clipboard. */
  giveClipboard(text: string): void {
    this.#rfb?.clipboardPasteFrom(text);
  }

  /** How large the display is, from now on and on later connections. */
  set displaySize(size: DisplaySize) {
    this.#size = size;
    if (this.#rfb !== undefined) this.#rfb.displaySize = size;
  }

  /** The field stands for the desktop to those who do not see it: the canvas would be a second one without a name. */
  #hideCanvas(): void {
    const canvas = this.#element.querySelector('canvas');
    if (canvas === null) throw new TypeError('noVNC made no canvas');
    canvas.tabIndex = -1;
    canvas.setAttribute('aria-hidden', 'true');
  }
}

function endOf(isClean: boolean): string {
  return isClean ? 'the connection was closed' : 'the connection broke off';
}
