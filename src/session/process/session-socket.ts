// The unix sockets that a session offers to the host: its display (RFB) and its exec agent.
import { connect, type Socket } from 'node:net';
import { SESSION_RUN_DIR } from '../barrier/environment.ts';
import { openInProcessRoot } from '../barrier/rooted-path.ts';

/** Which socket of the session. */
export type SessionSocketName = 'rfb' | 'exec';

/** The folder inside the session that holds its sockets and its output. */
export const SESSION_SOCKET_DIR = `${SESSION_RUN_DIR}/deskpod`;

/**
 * Connects to a socket of the session whose pid 1 is `rootPid`. The session may have put a link in its place: it is
 * found without following any, so that the host's root is never led to a socket of the host.
 * @throws the system's error: ENOENT, ECONNREFUSED, ELOOP.
 */
export async function connectToSession(rootPid: number, name: SessionSocketName): Promise<Socket> {
  const place = await openInProcessRoot(rootPid, `${SESSION_SOCKET_DIR}/${name}.sock`);
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
