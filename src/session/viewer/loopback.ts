// Listening on this computer alone, for browsers on it: what the viewer and the other pages share.
import type { IncomingMessage, Server } from 'node:http';
import { type AddressInfo, createServer as createNetServer, type Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { DeskPodError } from '../../core/errors.ts';
import { createServer } from '../host/http.ts';

/** No name, so nobody's resolver has a say in where it leads. */
const ADDRESS = '127.0.0.1';
const ADDRESS_6 = '::1';
/** What passkeys ask for: to WebAuthn an address is no site. */
export const LOOPBACK_NAME = 'localhost';
const CONNECTION_LIMIT = 256;
/** Connections that have not asked for anything yet. Whoever is to be let in asks at once. */
const SILENT_LIMIT = 32;
const CHECK_INTERVAL_MS = 1000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Ports tried, until one is free at both addresses. */
const TRIES = 20;
/** The host has no IPv6, or no loopback in it. */
const NO_SUCH_ADDRESS: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** A server that listens. */
export interface LoopbackServer {
  readonly server: Server;
  readonly port: number;
  /** The one value of the Host header that is right: `127.0.0.1:PORT`, or `localhost:PORT`. */
  readonly host: string;
}

/** Listens on a port of 127.0.0.1; 0 takes a free one. @throws DeskPodError VIEWER_FAILED */
export async function listenOnLoopback(port: number): Promise<LoopbackServer> {
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  });
  server.maxConnections = CONNECTION_LIMIT;
  dropSilentOnes(server);
  try {
    const taken = await listen(server, ADDRESS, port);
    return { server, port: taken, host: `${ADDRESS}:${taken}` };
  } catch (cause) {
    throw cannotListen(`${ADDRESS}:${port}`, cause);
  }
}

/**
 * Listens on a free port at both addresses that `localhost` may stand for: at one that was left, another user of this host
 * could answer in our place. Whoever closes the server ends both.
 *
 * @throws DeskPodError VIEWER_FAILED
 */
export async function listenOnLocalhost(): Promise<LoopbackServer> {
  let cause: unknown;
  for (let tried = 0; tried < TRIES; tried++) {
    const { server, port } = await listenOnLoopback(0);
    // one HTTP server cannot listen twice
    const second = createNetServer((socket) => server.emit('connection', socket));
    second.maxConnections = CONNECTION_LIMIT;
    try {
      await listen(second, ADDRESS_6, port);
      server.once('close', () => second.close());
      return { server, port, host: `${LOOPBACK_NAME}:${port}` };
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (NO_SUCH_ADDRESS.has(code)) return { server, port, host: `${LOOPBACK_NAME}:${port}` };
      server.close();
      cause = error;
    }
  }
  throw cannotListen(`[${ADDRESS_6}]`, cause);
}

/** Any user of the host can connect: those who say nothing must not take the place of the one who is let in. */
function dropSilentOnes(server: Server): void {
  const silent = new Set<Duplex>();
  server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
    const [oldest] = silent;
    if (silent.size > SILENT_LIMIT) oldest?.destroy();
  });
  const listen = ({ socket }: IncomingMessage): unknown => silent.delete(socket);
  server.on('request', listen);
  server.on('upgrade', listen);
}

/** Answers an upgrade that is not wanted. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Resolves with the port. */
async function listen(server: NetServer, address: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, ipv6Only: true }, () => resolve());
  });
  return (server.address() as AddressInfo).port;
}

function cannotListen(where: string, cause: unknown): DeskPodError {
  return new DeskPodError('VIEWER_FAILED', `viewer: cannot listen on ${where}`, {
    hint: 'choose another port, or 0 for any free one',
    details: { address: where },
    cause,
  });
}
