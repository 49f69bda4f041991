// The fixed table of files that are served to browsers, and the headers that go with each.

import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DeskPodError } from '../../core/errors.ts';

/** A file of a page. */
export interface PageFile {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** A page: each has a folder of its own below the room. */
export type PageName = 'viewer' | 'dashboard' | 'door' | 'passkey' | 'restore';

const PAGES_DIR = fileURLToPath(new URL('../../../build/pages', import.meta.url));
/** What several pages have in common. */
const SHARED = 'assets/';
const INDEX = 'index.html';
const CONTENT_TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
]);

/**
 * Every path below the room that is served, with its file. A request is looked up by its exact text and never joined
 * to a folder, so no request can name a file that is not in the table. All is in memory: a build may replace the files
 * meanwhile, and the drive that they lie on may be pulled.
 * @throws DeskPodError VIEWER_FAILED if the page was not built
 */
export async function readPageFiles(page: PageName): Promise<ReadonlyMap<string, PageFile>> {
  const table = new Map<string, PageFile>();
  try {
    for (const entry of await readdir(PAGES_DIR, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = relative(PAGES_DIR, path);
      const contentType = CONTENT_TYPES.get(extname(name));
      if (!entry.isFile() || contentType === undefined) continue;
      if (!name.startsWith(`${page}/`) && !name.startsWith(SHARED)) continue;
      table.set(name, { bytes: await readFile(path), contentType });
    }
    const index = table.get(`${page}/${INDEX}`);
    if (index === undefined) throw new Error(`expected ${page}/${INDEX}, got none`);
    return table.set(`${page}/`, index);
  } catch (cause) {
    throw new DeskPodError('VIEWER_FAILED', `${PAGES_DIR}: the page could not be read`, {
      hint: 'Run ops/setup: it builds the program and its pages.',
      cause,
    });
  }
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
