// Connecting to a unix socket inside a session, without following the session's links.
import { connect, type Socket } from 'node:net';
import { openInProcessRoot } from './rooted-path.ts';

/**
 * Connects to the socket at `path` in the root of a running process. The session may have put a link in its place: it
 * is found without following any, so that the host's root is never led to a socket of the host.
 * @throws the system's error: ENOENT, ECONNREFUSED, ELOOP.
 */
export async function connectInProcessRoot(pid: number, path: string): Promise<Socket> {
  const place = await openInProcessRoot(pid, path);
  try {
    return await new Promise<Socket>((resolve, reject) => {
      const socket = connect({ path: place.path });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
    });
  } finally {
    await place.close();
  }
}
