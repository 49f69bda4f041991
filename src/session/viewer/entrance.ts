// The way in: a link is exchanged for the cookie, and the page asks for itself.

import type { ServerResponse } from 'node:http';

/**
 * Gives the cookie to whoever followed a link, and leads to `path`. It is the browser that goes on from here, and not a
 * redirection: what follows is then asked for by a page of ours wherever the link was, a mail or a file, and a cookie that
 * is bound to the site goes with it.
 */
export function letIn(response: ServerResponse, cookie: string, path: string): void {
  response.writeHead(200, {
    'Set-Cookie': cookie,
    'Content-Type': 'text/html; charset=utf-8',
    Refresh: `0; url=${path}`,
  });
  // without an icon named, a browser asks for one at a path that is nobody's
  const head = '<title>DeskPod</title><link rel="icon" href="data:,">';
  response.end(`<!doctype html><html lang="en">${head}<a href="${path}">Go on</a></html>\n`);
}
