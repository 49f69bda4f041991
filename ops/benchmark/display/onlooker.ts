// Somebody who looks at a session without seeing its picture: it goes on when pages of it come and go.
import { once } from 'node:events';
import { WebSocket } from 'ws';

/** Follows a link as a browser would, and stays; the returned function ends that. */
export async function lookOn(url: string): Promise<() => void> {
  const answer = await fetch(url);
  const cookie = answer.headers.get('set-cookie') ?? '';
  const room = /Path=([^;]+)/.exec(cookie)?.[1];
  if (room === undefined) throw new Error(`expected a link that lets in, got ${answer.status}`);
  const { host, origin } = new URL(url);
  const headers = { Cookie: cookie.replace(/;.*/, '') };
  const socket = new WebSocket(`ws://${host}${room}status`, { headers, origin });
  await once(socket, 'open');
  return () => socket.terminate();
}
