// A page of the viewer in a real browser, before a real display.

import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { serveViewer, type Viewer } from '../../src/session/viewer/server.ts';
import { startDesktop, type TestDesktop } from './desktop.ts';

const BROWSER = '/usr/bin/chromium';
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', ...QUIET];

/** A display, a viewer of it, and a browser that may open it. */
export interface ViewerLab {
  readonly desktop: TestDesktop;
  readonly viewer: Viewer;
  readonly browser: BrowserContext;
  readonly page: Page;
  /** What the page complained of: errors of scripts, and of what the policy forbids. */
  readonly complaints: readonly string[];
  /** Addresses that the browser asked for. */
  readonly requests: readonly string[];
  /** `close` and `suspend`, as the viewer told of them. */
  readonly events: readonly string[];
  /** Opens the viewer in the page. */
  open(): Promise<void>;
  /** Ends all of it. */
  stop(): Promise<void>;
}

/** What is between the display and the viewer. */
export type Link = (display: Socket) => Duplex;

/** Starts a lab; `options` are those of the browser's pages. */
export async function startViewerLab(
  options: BrowserContextOptions = {},
  link: Link = (display) => display,
): Promise<ViewerLab> {
  const desktop = await startDesktop();
  const events: string[] = [];
  const viewer = await serveViewer({
    rfbConnect: async () => link(connect(desktop.socketPath)),
    title: 'Test pod',
    // longer than a page takes to load anew on a busy machine
    graceMs: 5000,
    onClose: () => events.push('close'),
    onSuspend: () => events.push('suspend'),
  });
  const browser = await chromium.launchPersistentContext(join(desktop.folder, 'browser'), {
    executablePath: BROWSER,
    args: FLAGS,
    headless: true,
    viewport: { width: 1100, height: 700 },
    ...options,
  });
  const complaints: string[] = [];
  const requests: string[] = [];
  browser.on('request', (request) => requests.push(request.url()));
  const page = await browser.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return {
    ...{ desktop, viewer, browser, page, complaints, requests, events },
    open: async () => {
      await page.goto(viewer.url);
      await untilState(page, 'running');
    },
    stop: async () => {
      await browser.close();
      await viewer.close();
      await desktop.stop();
    },
  };
}

/** Waits until the page shows a state. */
export async function untilState(page: Page, state: string): Promise<void> {
  await page.locator(`body[data-state="${state}"]`).waitFor();
}
