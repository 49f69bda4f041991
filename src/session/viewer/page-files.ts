// The fixed table of files that the viewer serves, and the headers that go with each.

import { readdir } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the page. */
export interface PageFile {
  readonly path: string;
  readonly contentType: string;
}

const CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
]);

/**
 * Every path below the room that is served, with its file. A request is looked up by its exact text and never joined
 * to a folder, so no request can name a file that is not in the table.
 */
export async function listPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const display = fileURLToPath(new URL('../../../display/', import.meta.url));
  const noVnc = dirname(dirname(fileURLToPath(import.meta.resolve('@novnc/novnc'))));
  const table = new Map<string, PageFile>();
  await addFolder(table, 'app/', join(display, 'app'));
  await addFolder(table, 'core/', join(display, 'core'));
  await addFolder(table, 'novnc/core/', join(noVnc, 'core'));
  await addFolder(table, 'novnc/vendor/', join(noVnc, 'vendor'));
  const index = table.get('app/index.html');
  if (index !== undefined) table.set('app/', index);
  return table;
}

/** The headers of every answer: nothing is kept, nothing is told to others, only our own files run. */
export function pageHeaders(host: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:", // noVNC paints JPEG rectangles and pointers from data: addresses
    `connect-src 'self' ws://${host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'Content-Security-Policy': policy.join('; '),
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'clipboard-read=(self), clipboard-write=(self), fullscreen=(self)',
  };
}

async function addFolder(table: Map<string, PageFile>, prefix: string, folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const contentType = CONTENT_TYPES.get(extname(entry.name));
    if (!entry.isFile() || contentType === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    table.set(`${prefix}${relative(folder, path)}`, { path, contentType });
  }
}
