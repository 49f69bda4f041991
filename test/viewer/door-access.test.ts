// Who gets to the page that opens a pod, at both addresses of localhost, and how it bears wrong keys.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { DeskPodError } from '../../src/core/errors.ts';
import { Door, type DoorPlan, type OpenedDesktop } from '../../src/session/door/door.ts';
import type { DoorLine, UnlockWish } from '../../src/session/door/door-line.ts';
import { type ServedPage, servePage } from '../../src/session/door/page-server.ts';
import { linesOf } from '../../src/session/supervisor/wire.ts';

const WISH: UnlockWish = { key: { passphrase: 'x' }, ways: [] };

describe('the door', () => {
  let page: ServedPage;
  let door: Door;
  let opened: PromiseWithResolvers<OpenedDesktop>;
  let wishes: UnlockWish[];

  beforeEach(() => serve());
  afterEach(() => page.close());

  async function serve(plan: Partial<DoorPlan> = {}): Promise<void> {
    wishes = [];
    opened = Promise.withResolvers();
    const open = (wish: UnlockWish) => {
      wishes.push(wish);
      return opened.promise;
    };
    door = new Door({ place: '/dev/stick', passkeys: [], open, ...plan });
    page = await servePage({ page: 'door', command: 'deskpod view' }, door);
  }

  /** Sends a request with its headers exactly as given. */
  async function send(
    path: string,
    headers: Record<string, string>,
    { method = 'GET', body = '', address = '127.0.0.1' } = {},
  ): Promise<IncomingMessage> {
    const { port, host } = new URL(page.url);
    const outgoing = request({
      host: address,
      port,
      path,
      method,
      headers: { host, ...headers },
      agent: false,
    });
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    return response as IncomingMessage;
  }

  async function enter(address = '127.0.0.1'): Promise<{ room: string; headers: Record<string, string> }> {
    const { headers } = await send(new URL(page.url).pathname, {}, { address });
    const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const { origin } = new URL(page.url);
    return {
      room: /^0; url=(.*)door\/$/.exec(String(headers.refresh))?.[1] ?? '',
      headers: { cookie, origin, 'content-type': 'application/json' },
    };
  }

  function post(
    room: string,
    headers: Record<string, string>,
    body: unknown = WISH,
    name = 'unlock',
  ): Promise<IncomingMessage> {
    return send(`${room}api/${name}`, headers, { method: 'POST', body: JSON.stringify(body) });
  }

  async function hear(room: string, { cookie = '' }: Record<string, string>) {
    const response = await send(`${room}api/lines`, { cookie });
    assert.equal(response.statusCode, 200);
    const lines = linesOf(response);
    return async () => JSON.parse(String((await lines.next()).value)) as DoorLine;
  }

  it('answers at localhost by both of its addresses, where the host has both, and by no other name', async () => {
    assert.match(page.url, /^http:\/\/localhost:\d+\/open\/[\w-]{43}$/);
    const { port } = new URL(page.url);
    assert.equal((await send('/', { host: `127.0.0.1:${port}` })).statusCode, 403);
    const { room, headers } = await enter(hasIpv6() ? '::1' : '127.0.0.1');
    const found = await send(`${room}door/`, { cookie: headers.cookie ?? '' });
    assert.equal(found.statusCode, 200);
    assert.match(await text(found), /Passphrase/);
  });

  it('takes a key from its own page only, and tells nobody else anything', async () => {
    const { room, headers } = await enter();
    const { origin = '', cookie = '', ...others } = headers;
    const foreign = [
      { ...headers, origin: 'http://evil.example' },
      { ...headers, origin: `http://localhost:${Number(new URL(page.url).port) + 1}` },
      { ...headers, origin: 'null' },
      { ...headers, host: 'evil.example' },
      { cookie, ...others },
      { origin, ...others },
      { ...headers, cookie: `${cookie}x` },
    ];
    for (const given of foreign)
      assert.equal((await post(room, given)).statusCode, 403, JSON.stringify(given));
    const watching = [{}, { cookie, origin: 'null' }, { cookie, 'sec-fetch-site': 'same-site' }];
    for (const given of watching) assert.equal((await send(`${room}api/lines`, given)).statusCode, 403);
    assert.equal((await post(room, headers, WISH, 'other')).statusCode, 404);
    assert.equal((await post(room, { ...headers, 'content-type': 'text/plain' })).statusCode, 415);
    assert.equal((await post(room, headers, { ...WISH, more: 'x'.repeat(20_000) })).statusCode, 413);
    const nonsense = [
      ...[null, {}, { key: {}, ways: [] }, { ...WISH, ways: ['else'] }],
      ...[
        { ...WISH, key: { passphrase: 1 } },
        { ...WISH, key: { passkey: 'zz' } },
      ],
    ];
    for (const wish of nonsense) assert.equal((await post(room, headers, wish)).statusCode, 400);
    assert.deepEqual(wishes, []);
    assert.equal((await post(room, headers)).statusCode, 202);
    assert.deepEqual(wishes, [WISH]);
  });

  it('shows a page that is loaded anew where the start has come to, and leads each page on by a link of its own', async () => {
    await page.close();
    let told: Parameters<DoorPlan['open']>[1] | undefined;
    await serve({
      open: (_wish, listener) => {
        told = listener;
        return opened.promise;
      },
    });
    const { room, headers } = await enter();
    const first = await hear(room, headers);
    assert.equal((await first()).state, 'locked');
    assert.equal((await post(room, headers)).statusCode, 202);
    assert.equal((await post(room, headers)).statusCode, 409);
    assert.deepEqual(await first(), { state: 'opening' });
    told?.onProgress({ step: 'mounting' });
    told?.onPicture('cG5n');
    const second = await hear(room, headers);
    assert.deepEqual(await second(), { state: 'opening', progress: { step: 'mounting' } });
    assert.deepEqual(await second(), { state: 'picture', pngBase64: 'cG5n' });
    let count = 0;
    opened.resolve({ warnings: ['no network'], issueUrl: async () => `http://viewer/${++count}` });
    for (let line = await first(); line.state !== 'open'; line = await first());
    const last = await second();
    assert.deepEqual(last, { state: 'open', url: 'http://viewer/2', warnings: ['no network'] });
    await door.ended;
  });

  it('says why a key opens nothing, takes another at once, and makes whoever guesses wait', async () => {
    await page.close();
    await serve({
      open: () =>
        Promise.reject(new DeskPodError('PASSPHRASE_WRONG', 'it opens no slot', { hint: 'Try again.' })),
    });
    const { room, headers } = await enter();
    const next = await hear(room, headers);
    const waits: number[] = [];
    assert.equal((await next()).state, 'locked');
    for (let tries = 0; tries < 3; tries++) {
      assert.equal((await post(room, headers)).statusCode, 202);
      assert.equal((await next()).state, 'opening');
      const line = await next();
      assert.ok(line.state === 'locked');
      assert.deepEqual(line.fault, {
        code: 'PASSPHRASE_WRONG',
        message: 'it opens no slot',
        hint: 'Try again.',
      });
      waits.push(line.waitMs);
    }
    assert.deepEqual(waits.slice(0, 2), [0, 0]);
    assert.ok((waits[2] ?? 0) > 1000 && (waits[2] ?? 0) <= 2000);
    assert.equal((await post(room, headers)).statusCode, 409);
  });

  it('offers what helps against a refusal, by the same key', async () => {
    await page.close();
    await serve({
      open: (wish) => {
        wishes.push(wish);
        return Promise.reject(new DeskPodError('PROCESSOR_LACKING', 'it needs a newer processor'));
      },
    });
    const { room, headers } = await enter();
    const next = await hear(room, headers);
    await next();
    await post(room, headers);
    await next();
    const line = await next();
    assert.ok(line.state === 'locked' && line.fault?.way === 'fresh');
    await post(room, headers, { ...WISH, ways: ['fresh'] });
    assert.deepEqual(wishes.at(-1)?.ways, ['fresh']);
  });

  it('ends when nobody opens the page, and when all have left it', async () => {
    await page.close();
    await serve({ patience: { firstMs: 1, awayMs: 1 } });
    await door.ended;
    await page.close();
    await serve({ patience: { firstMs: 60_000, awayMs: 1 } });
    const { room, headers } = await enter();
    const response = await send(`${room}api/lines`, { cookie: headers.cookie ?? '' });
    response.destroy();
    await door.ended;
  });
});

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((found) => found?.some(({ address }) => address === '::1'));
}
