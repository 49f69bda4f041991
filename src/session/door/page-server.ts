// Serves one page at http://localhost, which hears lines of JSON and posts wishes, to whoever opens its one-time link.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Access } from '../viewer/access.ts';
import { listenOnLocalhost } from '../viewer/loopback.ts';
import { answerWith, type Site } from '../viewer/page-answers.ts';
import { pageHeaders, readPageFiles } from '../viewer/page-files.ts';

/** A passphrase, or what an authenticator answered, and what is around it. */
const WISH_LIMIT_BYTES = 16 * 1024;
/** A page that lets this much pile up is gone; a picture of a screen is less. */
const UNSENT_LIMIT_BYTES = 8 * 1024 * 1024;

/** One open page. */
export interface Listener {
  /** Sends a line. */
  tell(line: object): void;
  /** Sends a last line; resolves when the browser has it, or is gone. */
  end(line: object): Promise<void>;
}

/** What answers a page. */
export interface PageService {
  /** A page has come; the returned function is called when it has gone. */
  listen(listener: Listener): () => void;
  /**
   * What a page posts to each name. A TypeError is the page's fault: what it wants cannot be understood.
   * @returns what is to be done at another time, in a sentence; nothing if it is done or being done
   */
  readonly wishes: Readonly<Record<string, (wish: unknown) => string | undefined>>;
}

/** A page that is being served. */
export interface ServedPage {
  /** The one-time address to open in a browser. */
  readonly url: string;
  /** Ends everything. */
  close(): Promise<void>;
}

/** Serves a page on localhost only; the caller closes it. Throws VIEWER_FAILED if it cannot listen or was not built. */
export async function servePage(site: Omit<Site, 'api'>, service: PageService): Promise<ServedPage> {
  const files = await readPageFiles(site.page);
  const { server, host } = await listenOnLocalhost();
  const access = new Access(host);
  const api: Site['api'] = async (request, response, path) => {
    const wish = Object.hasOwn(service.wishes, path) ? service.wishes[path] : undefined;
    if (request.method === 'GET' && path === 'lines') listenWith(service, response);
    else if (request.method !== 'POST' || wish === undefined) say(response, 404, 'There is no such thing.');
    else await grant(wish, request, response).catch(() => response.destroy());
  };
  server.on('request', answerWith(access, { ...site, api }, files, pageHeaders(host)));
  return {
    url: `http://${host}/open/${access.issueToken()}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listenWith(service: PageService, response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson; charset=utf-8' });
  response.on('error', () => response.destroy());
  const gone = new Promise<void>((resolve) => response.once('close', () => resolve()));
  const leave = service.listen({
    tell: (line) => {
      if (response.writableLength > UNSENT_LIMIT_BYTES) response.destroy();
      else response.write(`${JSON.stringify(line)}\n`);
    },
    end: (line) => {
      response.end(`${JSON.stringify(line)}\n`);
      return gone;
    },
  });
  void gone.then(leave);
}

async function grant(
  wish: (wish: unknown) => string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.headers['content-type'] !== 'application/json') return say(response, 415, 'Expected JSON.');
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > WISH_LIMIT_BYTES) return say(response, 413, 'This is too long.');
    pieces.push(piece);
  }
  try {
    const refusal = wish(JSON.parse(Buffer.concat(pieces).toString('utf8')));
    say(response, refusal === undefined ? 202 : 409, refusal ?? 'It is being done.');
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    say(response, 400, 'This was not understood.');
  }
}

function say(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
