// Listening on this computer alone, for browsers on it: what the viewer and the dashboard share.
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { DeskPodError } from '../../core/errors.ts';
import { createServer } from '../host/http.ts';

const ADDRESS = '127.0.0.1';
const CONNECTION_LIMIT = 64;
const REQUEST_TIMEOUT_MS = 10_000;

/** A server that listens. */
export interface LoopbackServer {
  readonly server: Server;
  readonly port: number;
  /** The one value of the Host header that is right: `127.0.0.1:PORT`. */
  readonly host: string;
}

/** Listens on a port of 127.0.0.1; 0 takes a free one. @throws DeskPodError VIEWER_FAILED */
export async function listenOnLoopback(port: number): Promise<LoopbackServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
  server.maxConnections = CONNECTION_LIMIT;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, ADDRESS, () => resolve());
    });
  } catch (cause) {
    throw new DeskPodError('VIEWER_FAILED', `viewer: cannot listen on ${ADDRESS}:${port}`, {
      hint: 'choose another port, or 0 for any free one',
      details: { address: ADDRESS, port },
      cause,
    });
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return { server, port: address.port, host: `${ADDRESS}:${address.port}` };
}

/** Answers an upgrade that is not wanted. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
