// Debian's Chromium for a test: a profile of its own, asks nobody by itself, and remembers what went wrong in its page.
import { join } from 'node:path';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** How it is started, whatever starts it. */
export const BROWSER = {
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...QUIET],
  headless: true,
};

/** A browser with one page. */
export interface TestBrowser {
  readonly browser: BrowserContext;
  readonly page: Page;
  /** What the page complained of: errors of scripts, and of what the policy forbids. */
  readonly complaints: string[];
  /** Addresses that the browser asked for. */
  readonly requests: string[];
}

/** Starts one whose profile lies in `folder`; close `browser`. */
export async function openBrowser(folder: string, options: BrowserContextOptions = {}): Promise<TestBrowser> {
  const browser = await chromium.launchPersistentContext(join(folder, 'browser'), {
    ...BROWSER,
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
  return { browser, page, complaints, requests };
}
