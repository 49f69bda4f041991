// For a guest without a browser: what a browser does with a link that works once, and with the page that it leads to.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** A page that a link has led to. */
export interface Site {
  readonly url: URL;
  readonly room: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Uses a link up. */
export async function enter(url: URL): Promise<Site> {
  const found = await send(url, 'GET', url.pathname, { host: url.host });
  const room = /^0; url=(\/[^/]+\/)/.exec(String(found.headers.refresh))?.[1];
  const cookie = found.headers['set-cookie']?.[0]?.split(';')[0];
  if (room === undefined || cookie === undefined) throw new Error(`${url}: ${found.statusCode}`);
  found.resume();
  return { url, room, headers: { host: url.host, origin: url.origin, cookie } };
}

/** Asks a page for something, or posts to it. */
export function ask(site: Site, method: string, path: string, body = ''): Promise<IncomingMessage> {
  const headers = { ...site.headers, ...(body === '' ? {} : { 'content-type': 'application/json' }) };
  return send(site.url, method, `${site.room}${path}`, headers, body);
}

async function send(
  { port }: URL,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): Promise<IncomingMessage> {
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  return response as IncomingMessage;
}

/** A line for who runs the guest. */
export function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
