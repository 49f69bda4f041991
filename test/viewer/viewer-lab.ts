// A page of the viewer in a real browser, before a real display.

import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { serveViewer, type Viewer } from '../../src/session/viewer/server.ts';
import { openBrowser, type TestBrowser } from './browser.ts';
import { startDesktop, type TestDesktop } from './desktop.ts';

/** A display, a viewer of it, and a browser that may open it. */
export interface ViewerLab extends TestBrowser {
  readonly desktop: TestDesktop;
  readonly viewer: Viewer;
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
  const { browser, page, complaints, requests } = await openBrowser(desktop.folder, options);
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
