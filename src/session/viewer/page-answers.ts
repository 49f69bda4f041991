// The answers to HTTP requests: the exchange of a link for the cookie, the files of the page, and the way to an API behind it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Access } from './access.ts';
import { letIn } from './entrance.ts';
import type { PageFile, PageName } from './page-files.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A page as browsers are let in to it. */
export interface Site {
  readonly page: PageName;
  /** What makes another link. */
  readonly command: string;
  /** Answers what is asked for below `api/`, by those who were let in; `path` is what follows that. */
  readonly api?: (request: IncomingMessage, response: ServerResponse, path: string) => Promise<void>;
}

/** Answers requests with `headers` on everything, and with `files` for those who hold the cookie; links open the page. */
export function answerWith(
  access: Access,
  site: Site,
  files: ReadonlyMap<string, PageFile>,
  headers: Readonly<Record<string, string>>,
): Answer {
  return (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const say = (code: number, text: string) => {
      response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    };
    if (!access.isOurs(request)) return say(403, `This is not the address of the ${site.page}.`);
    const api = `${access.room}api/`;
    const isForApi = site.api !== undefined && request.url?.startsWith(api) === true;
    if (request.method !== 'GET' && !(isForApi && request.method === 'POST'))
      return say(405, `The ${site.page} answers GET only.`);
    const path = (request.url ?? '').replace(/\?.*$/s, '');
    if (path.startsWith('/open/')) {
      if (!access.redeem(path.slice('/open/'.length))) {
        return say(403, `This link was used before, or is wrong. "${site.command}" makes a new one.`);
      }
      return letIn(response, access.setCookie, `${access.room}${site.page}/`);
    }
    if (!access.isDirect(request) || !access.holdsCookie(request)) {
      return say(403, `This browser was not let in. "${site.command}" makes a link that lets it in.`);
    }
    // a browser names the page's origin whenever it posts
    if (request.method === 'POST' && !access.isOwnOrigin(request))
      return say(403, `Only a page of the ${site.page} may ask for this.`);
    if (isForApi) return void site.api?.(request, response, (request.url ?? '').slice(api.length));
    const file = path.startsWith(access.room) ? files.get(path.slice(access.room.length)) : undefined;
    if (file === undefined) return say(404, 'There is no such file.');
    response.writeHead(200, { 'Content-Type': file.contentType }).end(file.bytes);
  };
}
