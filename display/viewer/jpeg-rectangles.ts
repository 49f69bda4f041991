// The JPEG rectangles of a display, decoded by the browser off the page's thread.

import type RFB from '@novnc/novnc';
import type { PendingFrame } from '@novnc/novnc';

/**
 * Lets a connection decode JPEG by WebCodecs. noVNC itself makes of each rectangle a `data:` address in base 64, which
 * goes through the browser's network process: that takes most of the time of a film's frame. Rectangles stay in order,
 * as noVNC draws none before the one ahead of it. Where there is no ImageDecoder all stays as it is.
 *
 * @param onBroken a rectangle could not be decoded: the picture cannot be right any more.
 */
export function decodeJpegAside(rfb: RFB, onBroken: () => void): void {
  if (typeof ImageDecoder === 'undefined') return;
  const display = rfb._display;
  display.imageRect = (x, y, width, height, type, bytes) => {
    if (width === 0 || height === 0) return;
    const decoder = new ImageDecoder({ data: bytes, type });
    const { promise, resolve } = Promise.withResolvers<void>();
    const pending: PendingFrame = { ready: false, frame: undefined, promise };
    decoder.decode().then(({ image }) => {
      pending.frame = image;
      pending.ready = true;
      resolve();
      decoder.close();
      // A promise that settled without a picture would be asked again and again.
    }, onBroken);
    display.videoFrame(x, y, width, height, pending);
  };
}
