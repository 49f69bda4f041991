// The answers to HTTP requests: the exchange of a link for the cookie, and the files of the page.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Access } from './access.ts';
import { letIn } from './entrance.ts';
import type { PageFile, PageName } from './page-files.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers requests with `headers` on everything, and with `files` for those who hold the cookie; links open `page`. */
export function answerWith(
  access: Access,
  page: PageName,
  files: ReadonlyMap<string, PageFile>,
  headers: Readonly<Record<string, string>>,
): Answer {
  return (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const say = (code: number, text: string) => {
      response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    };
    if (!access.isOurs(request)) return say(403, 'This is not the address of the viewer.');
    if (request.method !== 'GET') return say(405, 'The viewer answers GET only.');
    const path = (request.url ?? '').replace(/\?.*$/s, '');
    if (path.startsWith('/open/')) {
      if (!access.redeem(path.slice('/open/'.length))) {
        return say(403, 'This link was used before, or is wrong. "deskpod view" makes a new one.');
      }
      return letIn(response, access.setCookie, `${access.room}${page}/`);
    }
    if (!access.isDirect(request) || !access.holdsCookie(request)) {
      return say(403, 'This browser was not let in. "deskpod view" makes a link that lets it in.');
    }
    const file = path.startsWith(access.room) ? files.get(path.slice(access.room.length)) : undefined;
    if (file === undefined) return say(404, 'There is no such file.');
    response.writeHead(200, { 'Content-Type': file.contentType }).end(file.bytes);
  };
}
