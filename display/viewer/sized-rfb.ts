// noVNC with one thing more: a display that follows the window may have a pixel for each of the screen's.

import RFB from '@novnc/novnc';

/**
 * How large the display is: `kept` leaves it as it is and scales the picture, `window` makes it as large as the window,
 * `screen` gives it as many pixels as the window has on the screen, which are more where a screen is dense.
 */
export type DisplaySize = 'kept' | 'window' | 'screen';

/** A connection whose display has the size that the person wants. */
export class SizedRfb extends RFB {
  #size: DisplaySize = 'kept';
  #isAsking = false;

  /** Takes effect at once, and again whenever the window changes. */
  set displaySize(size: DisplaySize) {
    this.#size = size;
    // It is the setter that asks: a change from one size to the other must ask again.
    this.resizeSession = false;
    this.resizeSession = size !== 'kept';
  }

  protected override _requestRemoteResize(): void {
    this.#isAsking = true;
    super._requestRemoteResize();
    this.#isAsking = false;
  }

  protected override _screenSize(): { w: number; h: number } {
    const room = super._screenSize();
    if (!this.#isAsking || this.#size !== 'screen') return room;
    return { w: room.w * devicePixelRatio, h: room.h * devicePixelRatio };
  }
}
