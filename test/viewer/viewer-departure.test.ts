// A page and its desktop that part: which of them went, what the page says of it, and what the viewer takes it for.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { BROWSER } from './browser.ts';
import { until } from './desktop.ts';
import { startViewerLab, untilState, type ViewerLab } from './viewer-lab.ts';

describe('the page of the viewer, when one of them goes,', () => {
  let lab: ViewerLab;
  let desktop: ViewerLab['desktop'];
  let viewer: ViewerLab['viewer'];
  let browser: ViewerLab['browser'];
  let page: ViewerLab['page'];
  let events: readonly string[];
  let open: () => Promise<void>;

  beforeEach(async () => {
    lab = await startViewerLab();
    ({ desktop, viewer, browser, page, events, open } = lab);
  });

  afterEach(() => lab.stop());

  it('keeps saying that it is safe to unplug when DeskPod itself has ended', async () => {
    await open();
    await viewer.disconnectAll({ state: 'suspended', text: 'The device can be unplugged now.' });
    await untilState(page, 'suspended');
    const ended = page.waitForEvent('websocket', { timeout: 500 }).catch(() => 'no new connection');
    await viewer.close();
    assert.equal(await ended, 'no new connection');
    assert.equal(await page.locator('#card-title').textContent(), 'Safe to unplug');
  });

  it('shows and sends nothing more when DeskPod was killed: another program may listen there then', async () => {
    await open();
    await viewer.close();
    await untilState(page, 'gone');
    const impostor = createServer().listen(viewer.port, '127.0.0.1');
    let connectionCount = 0;
    impostor.on('connection', () => {
      connectionCount += 1;
    });
    await once(impostor, 'listening');
    await page.locator('#desktop').click({ force: true });
    const tried = page.waitForEvent('websocket', { timeout: 500 }).catch(() => 'none');
    assert.equal(await tried, 'none');
    assert.equal(connectionCount, 0);
    impostor.close();
  });

  it('says why when the desktop goes away', async () => {
    await open();
    await desktop.stop();
    await untilState(page, 'lost');
    assert.match(
      String(await page.locator('#card-text').textContent()),
      /desktop (closed the connection|does not answer)\. Trying again/,
    );
  });

  it('does not take a reload for the end, and takes a closed page for it', async () => {
    await open();
    await page.reload();
    await untilState(page, 'running');
    assert.deepEqual(events, []);
    await page.close();
    const { away } = await until(
      async () => viewer.presence,
      (presence) => presence.away !== undefined,
    );
    assert.equal(away?.departure, 'left');
    assert.deepEqual(
      await until(
        async () => events,
        () => events.length > 0,
      ),
      ['close'],
    );
  });

  it('tells a page that is closed from a browser that was killed, and takes the next one for a return', async () => {
    await open();
    const other = await chromium.launchServer(BROWSER);
    try {
      const client = await chromium.connect(other.wsEndpoint());
      const killed = await client.newPage();
      await killed.goto(viewer.issueUrl());
      await untilState(killed, 'running');
      await page.close();
      process.kill(other.process().pid ?? assert.fail(), 'SIGKILL');
      const look = async () => viewer.presence;
      const { away } = await until(look, (presence) => presence.away !== undefined);
      assert.equal(away?.departure, 'broke');
    } finally {
      await other.kill();
    }
    page = await browser.newPage();
    await page.goto(viewer.issueUrl());
    await untilState(page, 'running');
    assert.equal(viewer.presence.away, undefined);
    assert.deepEqual(events, []);
  });
});
