// What stands between a display and a page of its own: pictures go there as H.264 or as I420, keys come back.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { H264Encoder } from './h264-encoder.ts';
import { fillPlanes } from './planes.ts';
import { Screen } from './screen.ts';

/** How pictures are carried to the page. */
export type Coding = 'h264' | 'i420';

/** Pictures on their way that the page has not drawn yet: one is read, one encoded and one drawn at the same time. */
const UNDRAWN_LIMIT = 3;
const FILES: Readonly<Record<string, readonly [file: string, contentType: string]>> = {
  '/': ['edge-page.html', 'text/html; charset=utf-8'],
  '/edge-page.js': ['edge-page.js', 'text/javascript; charset=utf-8'],
};
/** What a message of the page begins with. */
const DRAWN = 0;
const KEY_BYTES = 6;

/** An edge that is served. */
export interface Edge {
  /** What a browser opens. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a page on loopback; `connect` is called once for each page, and what it opens belongs to the edge. */
export async function serveEdge(connect: () => Promise<Duplex>, coding: Coding): Promise<Edge> {
  const server = createServer((request, response) => {
    const [file, contentType] = FILES[request.url ?? ''] ?? [];
    if (file === undefined || contentType === undefined) return void response.writeHead(404).end();
    readFile(new URL(file, import.meta.url)).then(
      (bytes) => response.writeHead(200, { 'Content-Type': contentType }).end(bytes),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  const shown = new Set<Promise<void>>();
  sockets.on('connection', (page) => {
    const showing = connect()
      .then((display) => show(display, page, coding))
      .catch((error: unknown) => page.close(1011, String(error).slice(0, 100)))
      .finally(() => shown.delete(showing));
    shown.add(showing);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      for (const page of sockets.clients) page.terminate();
      await Promise.all(shown);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Follows the display until one side ends. Pictures lie in buffers by turns: one that the page has drawn is free. */
async function show(display: Duplex, page: WebSocket, coding: Coding): Promise<void> {
  let hasEnded = false;
  let undrawnCount = 0;
  let onDrawn = (): void => undefined;
  const end = (): void => {
    hasEnded = true;
    display.destroy();
    onDrawn();
  };
  page.once('close', end);
  display.on('error', () => page.close());
  let encoder: H264Encoder | undefined;
  try {
    const screen = await Screen.open(display);
    const { width, height } = screen;
    page.on('message', (data: RawData) => {
      if (!Buffer.isBuffer(data)) return;
      if (data[0] === DRAWN) {
        undrawnCount -= 1;
        onDrawn();
      } else if (data.length === KEY_BYTES) screen.key(data.readUInt32BE(2), data[1] === 1);
    });
    if (coding === 'h264') encoder = encodeFor(page, width, height);
    else page.send(JSON.stringify({ coding, width, height }));
    const buffers = Array.from({ length: UNDRAWN_LIMIT + 1 }, () => Buffer.alloc((width * height * 3) / 2));
    for (let i = 0; !hasEnded; i++) {
      await screen.next();
      const planes = buffers[i % buffers.length] as Buffer;
      fillPlanes(screen.pixels, width, height, planes);
      undrawnCount += 1;
      if (encoder === undefined) page.send(planes);
      else encoder.encode(planes);
      while (undrawnCount >= UNDRAWN_LIMIT && !hasEnded)
        await new Promise<void>((resolve) => {
          onDrawn = resolve;
        });
    }
  } catch (error) {
    if (!hasEnded) throw error;
  } finally {
    display.destroy();
    await encoder?.close();
  }
}

function encodeFor(page: WebSocket, width: number, height: number): H264Encoder {
  return new H264Encoder(width, height, {
    onParameters: (description) => {
      const profile = Buffer.from(description.subarray(1, 4)).toString('hex');
      const config = { codec: `avc1.${profile}`, description: [...description] };
      page.send(JSON.stringify({ coding: 'h264', width, height, config }));
    },
    onPicture: (bytes, isKey) => page.send(Buffer.concat([Uint8Array.of(isKey ? 1 : 0), bytes])),
    onFailure: (error) => page.close(1011, error.message.slice(0, 100)),
  });
}
