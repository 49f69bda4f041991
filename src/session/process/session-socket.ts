// The unix sockets that a session offers to the host: its display (RFB) and its exec agent.
import type { Socket } from 'node:net';
import { SESSION_RUN_DIR } from '../barrier/environment.ts';
import { connectInProcessRoot } from '../barrier/rooted-socket.ts';

/** Which socket of the session. */
export type SessionSocketName = 'rfb' | 'exec';

/** The folder inside the session that holds its sockets and its output. */
export const SESSION_SOCKET_DIR = `${SESSION_RUN_DIR}/deskpod`;

/** True for the place, inside the session, of a socket that it offers to the host. */
export function isSessionSocket(path: string | undefined): boolean {
  return path?.startsWith(`${SESSION_SOCKET_DIR}/`) === true;
}

/**
 * Connects to a socket of the session whose pid 1 is `rootPid`.
 * @throws the system's error: ENOENT, ECONNREFUSED, ELOOP.
 */
export function connectToSession(rootPid: number, name: SessionSocketName): Promise<Socket> {
  return connectInProcessRoot(rootPid, `${SESSION_SOCKET_DIR}/${name}.sock`);
}
