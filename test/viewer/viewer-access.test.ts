// Who gets to the viewer and who does not, over plain HTTP and WebSockets.

import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { isDeskPodError } from '../../src/core/errors.ts';
import { serveViewer, type Viewer } from '../../src/session/viewer/server.ts';
import { until } from './desktop.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a page says that is closed. */
const PAGE_LEFT = 4005;

/** A display that sends back what it gets. */
function echo(): Duplex {
  return new PassThrough();
}

/** A display that has always more to send. */
class EndlessDisplay extends Duplex {
  sentBytes = 0;

  override _read(sizeBytes: number): void {
    setImmediate(() => {
      this.sentBytes += sizeBytes;
      this.push(Buffer.alloc(sizeBytes));
    });
  }

  override _write(_bytes: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
}

/** Where the answer to a link leads. */
function placeOf({ refresh = '' }: IncomingHttpHeaders): string {
  return String(refresh).replace(/^0; url=/, '');
}

describe('the viewer', () => {
  let viewer: Viewer;
  /** One that gives a page so long to come back. */
  let serve: (graceMs: number) => Promise<Viewer>;
  let events: string[];
  let eventCame: () => void;
  const webSockets: WebSocket[] = [];

  beforeEach(async () => {
    events = [];
    eventCame = () => undefined;
    const record = (event: string) => () => {
      events.push(event);
      eventCame();
    };
    const notices = { onOpen: record('open'), onClose: record('close'), onSuspend: record('suspend') };
    serve = (graceMs) => serveViewer({ rfbConnect: async () => echo(), graceMs, title: 'Pod', ...notices });
    viewer = await serve(50);
  });

  afterEach(async () => {
    for (const webSocket of webSockets.splice(0)) webSocket.terminate();
    await viewer.close();
  });

  /** Sends a request with its path exactly as given: URL parsers would tidy it. */
  async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    const outgoing = request({ host: '127.0.0.1', port: viewer.port, path, method, headers, agent: false });
    outgoing.end();
    const [response] = await once(outgoing, 'response');
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  }

  async function enter(): Promise<{ room: string; cookie: string }> {
    const { headers } = await ask(new URL(viewer.issueUrl()).pathname);
    const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    return { room: placeOf(headers).replace(/viewer\/$/, ''), cookie };
  }

  function openWebSocket(path: string, headers: Record<string, string>): WebSocket {
    const webSocket = new WebSocket(`ws://127.0.0.1:${viewer.port}${path}`, { headers });
    webSockets.push(webSocket);
    return webSocket;
  }

  async function openOwn(
    name: string,
    { room, cookie }: { room: string; cookie: string },
  ): Promise<WebSocket> {
    const origin = `http://127.0.0.1:${viewer.port}`;
    const webSocket = openWebSocket(`${room}${name}`, { cookie, origin });
    await once(webSocket, 'open');
    return webSocket;
  }

  async function statusOfRefusal(webSocket: WebSocket): Promise<number | undefined> {
    webSocket.on('error', () => webSocket.terminate());
    const [, response] = await once(webSocket, 'unexpected-response');
    return response.statusCode;
  }

  async function untilEvent(event: string): Promise<void> {
    while (!events.includes(event)) {
      await new Promise<void>((resolve) => {
        eventCame = resolve;
      });
    }
  }

  it('takes a token once, for a cookie that only its page gets', async () => {
    const path = new URL(viewer.url).pathname;
    const first = await ask(path);
    assert.equal(first.status, 200);
    const cookie = first.headers['set-cookie']?.[0] ?? '';
    assert.match(cookie, /^deskpod=[\w-]{43}; Path=\/[\w-]{22}\/; HttpOnly; SameSite=Strict$/);
    const page = await ask(placeOf(first.headers), { cookie: cookie.split(';')[0] ?? '' });
    assert.equal(page.status, 200);
    assert.match(page.body, /<title>DeskPod<\/title>/);
    const second = await ask(path);
    assert.equal(second.status, 403);
    assert.equal(second.headers['set-cookie'], undefined);
  });

  it('makes a new link on demand, and leaves the cookie of the first valid', async () => {
    const first = await enter();
    const second = await enter();
    assert.notEqual(first.cookie, '');
    assert.deepEqual(first, second);
  });

  it('refuses a wrong token and one that is only asked about', async () => {
    assert.equal((await ask(`/open/${'A'.repeat(43)}`)).status, 403);
    assert.equal((await ask(new URL(viewer.url).pathname, {}, 'HEAD')).status, 405);
    assert.equal((await ask(new URL(viewer.url).pathname)).status, 200);
  });

  it('refuses a token that could be guessed', async () => {
    await assert.rejects(serveViewer({ rfbConnect: async () => echo(), token: 'short' }), TypeError);
  });

  it('sends a strict policy with every answer', async () => {
    const { headers } = await ask('/');
    assert.match(
      String(headers['content-security-policy']),
      /default-src 'none'; script-src 'self'; style-src 'self'/,
    );
    assert.doesNotMatch(String(headers['content-security-policy']), /unsafe/);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['access-control-allow-origin'], undefined);
  });

  it('refuses requests by another name, from another origin, from another site, and without the cookie', async () => {
    const { room, cookie } = await enter();
    const path = `${room}viewer/`;
    const { port } = viewer;
    assert.equal((await ask(path, { cookie })).status, 200);
    assert.equal((await ask(path, { cookie, host: `evil.example:${port}` })).status, 403);
    assert.equal((await ask(path, { cookie, host: `localhost:${port}` })).status, 403);
    assert.equal((await ask(path, { cookie, origin: 'http://evil.example' })).status, 403);
    assert.equal((await ask(path, { cookie, origin: `http://127.0.0.1:${port + 1}` })).status, 403);
    assert.equal((await ask(path, { cookie, origin: 'null' })).status, 403);
    assert.equal((await ask(path, { cookie, 'sec-fetch-site': 'same-site' })).status, 403);
    assert.equal((await ask(path)).status, 403);
    assert.equal((await ask(path, { cookie: `${cookie}x` })).status, 403);
  });

  it('does not take a token that was sent to another name', async () => {
    const path = new URL(viewer.url).pathname;
    assert.equal((await ask(path, { host: 'evil.example' })).status, 403);
    assert.equal((await ask(path)).status, 200);
  });

  it('serves its table of files and nothing else', async () => {
    const { room, cookie } = await enter();
    const page = await ask(`${room}viewer/`, { cookie });
    const named = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, path = '']) => new URL(path, `http://x${room}viewer/`).pathname,
    );
    assert.ok(named.length >= 3, page.body);
    for (const path of named) assert.equal((await ask(path, { cookie })).status, 200, path);
    const [script = ''] = named.filter((path) => path.endsWith('.js'));
    const wrong = [
      '../package.json',
      'viewer/../../../package.json',
      'viewer/%2e%2e/%2e%2e/%2e%2e/package.json',
      'viewer/..%2f..%2f..%2fpackage.json',
      'viewer\\..\\..\\..\\package.json',
      'assets/../viewer/index.html',
      'viewer//etc/passwd',
      `${script.slice(room.length)}%00`,
      'assets/',
      '',
    ];
    for (const path of wrong) assert.equal((await ask(`${room}${path}`, { cookie })).status, 404, path);
    for (const path of [
      '/etc/passwd',
      `${room}viewer/../../../../etc/passwd`,
      '/../../etc/passwd',
      'http://x/y',
    ]) {
      assert.equal((await ask(path, { cookie })).status, 404, path);
    }
  });

  it('opens WebSockets only to its own page with the cookie', async () => {
    const { room, cookie } = await enter();
    const own = `http://127.0.0.1:${viewer.port}`;
    for (const name of ['display', 'status', 'sound']) {
      const path = `${room}${name}`;
      assert.equal(await statusOfRefusal(openWebSocket(path, { origin: own })), 403);
      assert.equal(await statusOfRefusal(openWebSocket(path, { cookie })), 403);
      assert.equal(
        await statusOfRefusal(openWebSocket(path, { cookie, origin: 'http://evil.example' })),
        403,
      );
      const rebound = { cookie, origin: own, host: 'evil.example' };
      assert.equal(await statusOfRefusal(openWebSocket(path, rebound)), 403);
    }
    assert.equal(await statusOfRefusal(openWebSocket(`${room}other`, { cookie, origin: own })), 404);
    assert.deepEqual(events, []);
  });

  it('says how a desktop without sound gets some', async () => {
    const sound = await openOwn('sound', await enter());
    const [code, reason] = await once(sound, 'close');
    assert.equal(code, 4006);
    assert.match(String(reason), /deskpod install pulseaudio/);
  });

  it('listens on loopback only', async () => {
    const socket = connect(viewer.port, '127.0.0.2');
    const [error] = await once(socket, 'error');
    assert.equal(error.code, 'ECONNREFUSED');
  });

  it('answers at once, however many connect and say nothing', async () => {
    const silent = Array.from({ length: 300 }, () => connect(viewer.port, '127.0.0.1'));
    for (const socket of silent) socket.on('error', () => undefined);
    await Promise.race([
      once(silent.at(-1) ?? assert.fail(), 'connect'),
      once(silent[0] ?? assert.fail(), 'close'),
    ]);
    const { room, cookie } = await enter();
    assert.equal((await ask(`${room}viewer/`, { cookie })).status, 200);
    for (const socket of silent) socket.destroy();
  });

  it('carries bytes both ways, whatever their size', async () => {
    const webSocket = await openOwn('display', await enter());
    const sent = Buffer.alloc(1024 * 1024, 'deskpod');
    webSocket.send(sent);
    const received: Buffer[] = [];
    for await (const [data] of on(webSocket, 'message')) {
      received.push(data);
      if (Buffer.concat(received).length >= sent.length) break;
    }
    assert.ok(Buffer.concat(received).equals(sent));
  });

  it('stops reading the display while a viewer does not read, and goes on when it does', async () => {
    const display = new EndlessDisplay();
    await viewer.close();
    viewer = await serveViewer({ rfbConnect: async () => display });
    const webSocket = await openOwn('display', await enter());
    webSocket.pause();
    const isPaused = await until(async () => display.isPaused(), Boolean);
    assert.ok(isPaused);
    const sentBytes = display.sentBytes;
    assert.ok(sentBytes < 64 * 1024 * 1024, `${sentBytes} bytes were taken from the display`);
    webSocket.resume();
    const laterBytes = await until(
      async () => display.sentBytes,
      (bytes) => bytes > sentBytes,
    );
    assert.ok(laterBytes > sentBytes);
  });

  it('ends a display connection that sends text, or more at once than a viewer has reason to', async () => {
    const pass = await enter();
    const texting = await openOwn('display', pass);
    texting.send('hello');
    assert.equal((await once(texting, 'close'))[0], 1003);
    const flooding = await openOwn('display', pass);
    flooding.send(Buffer.alloc(3 * 1024 * 1024));
    assert.equal((await once(flooding, 'close'))[0], 1009);
  });

  it('tells the page what happens, sends viewers away before a checkpoint, and takes them back after', async () => {
    const pass = await enter();
    const status = await openOwn('status', pass);
    const display = await openOwn('display', pass);
    const news: string[] = [];
    status.on('message', (data) => news.push(JSON.parse(String(data)).state));
    const away = once(display, 'close');
    await viewer.disconnectAll({ state: 'suspending', text: 'Suspending.' });
    const [code, reason] = await away;
    assert.deepEqual([code, String(reason)], [4001, 'Suspending.']);
    const tooSoon = await openOwn('display', pass);
    assert.equal((await once(tooSoon, 'close'))[0], 4001);
    viewer.tell({ state: 'suspended', text: 'Safe to unplug.' });
    viewer.reconnect();
    const back = await openOwn('display', pass);
    back.send(Buffer.from('again'));
    assert.equal(String((await once(back, 'message'))[0]), 'again');
    const heard = await until(
      async () => news,
      () => news.at(-1) === 'running',
    );
    assert.deepEqual(heard.slice(-3), ['suspending', 'suspended', 'running']);
    assert.ok(!events.includes('close'));
  });

  it('passes on the wish to suspend', async () => {
    const status = await openOwn('status', await enter());
    status.send('{"want":"something else"}');
    status.send('{"want":"suspend"}');
    await untilEvent('suspend');
    assert.deepEqual(events, ['open', 'suspend']);
  });

  it('says when the last viewer has gone', async () => {
    const status = await openOwn('status', await enter());
    await untilEvent('open');
    status.close(PAGE_LEFT);
    await untilEvent('close');
    assert.deepEqual(events, ['open', 'close']);
    assert.equal(viewer.presence.viewerCount, 0);
  });

  it('does not say so when one comes back in time', async () => {
    await viewer.close();
    viewer = await serve(3_600_000);
    const pass = await enter();
    const first = await openOwn('status', pass);
    await untilEvent('open');
    first.close(PAGE_LEFT);
    const { away } = await until(
      async () => viewer.presence,
      (found) => found.away !== undefined,
    );
    assert.equal(away?.departure, 'left');
    await openOwn('status', pass);
    assert.deepEqual(viewer.presence, { viewerCount: 1 });
    assert.deepEqual(events, ['open']);
  });

  it('waits longer for a page that went without a word, as with a browser that crashed', async () => {
    const pass = await enter();
    const [display, status] = [await openOwn('display', pass), await openOwn('status', pass)];
    // what Chromium says for a page whose process was killed
    status.close(1001);
    display.terminate();
    const look = async () => viewer.presence;
    const { viewerCount, away } = await until(look, (found) => found.away !== undefined);
    assert.equal(viewerCount, 0);
    assert.ok(away?.departure === 'broke' && away.closesAtMs - away.sinceMs === 10 * 60_000);
    assert.ok(Math.abs(away.sinceMs - Date.now()) < 60_000);
    const again = await openOwn('status', pass);
    assert.deepEqual(viewer.presence, { viewerCount: 1 });
    again.close(PAGE_LEFT);
    await untilEvent('close');
    assert.deepEqual(events, ['open', 'close']);
  });

  it('says after a reconnect that the last viewer left while all were sent away', async () => {
    const status = await openOwn('status', await enter());
    await viewer.disconnectAll({ state: 'suspending', text: 'Suspending.' });
    status.close(PAGE_LEFT);
    await once(status, 'close');
    assert.deepEqual(events, ['open']);
    viewer.reconnect();
    await untilEvent('close');
    assert.deepEqual(events, ['open', 'close']);
  });

  it('tells the viewer when the display does not answer', async () => {
    await viewer.close();
    viewer = await serveViewer({ rfbConnect: () => Promise.reject(new Error('no display')) });
    const display = await openOwn('display', await enter());
    const [code, reason] = await once(display, 'close');
    assert.deepEqual([code, String(reason)], [4003, 'the desktop does not answer']);
  });

  it('names the port that it cannot have', async () => {
    const taken = serveViewer({ rfbConnect: async () => echo(), port: viewer.port });
    await assert.rejects(taken, (error) => {
      return isDeskPodError(error, 'VIEWER_FAILED') && error.message.includes(String(viewer.port));
    });
  });
});
