// Connecting to a unix socket inside a session, without following the session's links.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { openInProcessRoot } from './rooted-path.ts';

/**
 * Connects to the socket at `path` in the root of a running process. The session may have put a link in its place: it
 * is found without following any, so that the host's root is never led to a socket of the host.
 * @throws the system's error: ENOENT, ECONNREFUSED, ELOOP.
 */
export async function connectInProcessRoot(pid: number, path: string): Promise<Socket> {
  const place = await openInProcessRoot(pid, path);
  let failure: unknown;
  // until the caller listens: a session that ends right after it was connected to would end this process, too
  const note = (error: Error): void => {
    failure ??= error;
  };
  let socket: Socket;
  try {
    socket = connect({ path: place.path });
    socket.on('error', note);
    await once(socket, 'connect').catch(note);
  } finally {
    await place.close();
  }
  if (failure !== undefined) throw failure;
  socket.off('error', note);
  return socket;
}
