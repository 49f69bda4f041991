// The bytes between one viewer's WebSocket and the display's socket, with back pressure both ways.

import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';

/** Why a bridge ended, as WebSocket close codes (4000 and up are ours). The page says it in words. */
export const CLOSE_CODE = {
  badMessage: 1003,
  tooMany: 1013,
  suspended: 4001,
  displayEnded: 4002,
  displayUnreachable: 4003,
  viewerClosed: 4004,
  /** Said by a page that is closed, or loaded anew. */
  pageLeft: 4005,
  noSound: 4006,
} as const;

/** While more than this waits for the viewer, the display is not read. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 1024 * 1024;

const CLOSED = 'the desktop closed the connection';

/** A running bridge. */
export interface Bridge {
  /** Ends both sides and tells the viewer why (at most 123 bytes of text). */
  end(code: number, reason: string): void;
  /** Resolves when the display's socket is closed. */
  readonly closed: Promise<void>;
}

/** Joins a WebSocket and a display; both belong to the bridge from now on. */
export function joinDisplay(viewer: WebSocket, display: Duplex): Bridge {
  const closed = new Promise<void>((resolve) => {
    if (display.closed) resolve();
    else display.once('close', () => resolve());
  });
  const end = (code: number, reason: string) => {
    viewer.resume(); // a paused WebSocket would not see the other side's close
    viewer.close(code, reason);
    display.destroy();
  };

  viewer.on('message', (data: RawData, isBinary: boolean) => {
    if (!isBinary || !Buffer.isBuffer(data)) return end(CLOSE_CODE.badMessage, 'expected binary messages');
    if (!display.destroyed && !display.write(data)) viewer.pause();
  });
  display.on('drain', () => viewer.resume());

  display.on('data', (bytes: Buffer) => {
    if (viewer.readyState !== viewer.OPEN) return void display.pause();
    viewer.send(bytes, { binary: true }, () => {
      if (display.isPaused() && viewer.bufferedAmount < LOW_WATER_BYTES) display.resume();
    });
    if (viewer.bufferedAmount > HIGH_WATER_BYTES) display.pause();
  });

  viewer.on('close', () => display.destroy());
  viewer.on('error', () => viewer.terminate()); // a broken or oversized message; 'close' follows
  display.on('end', () => end(CLOSE_CODE.displayEnded, CLOSED));
  display.on('error', (error: NodeJS.ErrnoException) => end(CLOSE_CODE.displayEnded, reasonOf(error)));
  display.on('close', () => end(CLOSE_CODE.displayEnded, CLOSED));
  return { end, closed };
}

/** In a person's words, short enough for the reason of a WebSocket's end. A write that came too late is no other end. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  const hasClosed = code === 'EPIPE' || code === 'ECONNRESET';
  return hasClosed ? CLOSED : `the connection failed: ${message}`.slice(0, 100);
}
