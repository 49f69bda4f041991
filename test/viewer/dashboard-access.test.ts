// Who gets to the dashboard and who does not: other pages, other names, other methods, wrong paths, bodies without end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { WebSocket } from 'ws';
import { DashboardLab } from './dashboard-lab.ts';

const ID = '0123456789abcdef';

describe('the dashboard’s API', () => {
  let lab: DashboardLab;
  beforeEach(async () => {
    lab = await DashboardLab.open();
  });
  afterEach(() => lab.close());

  const post = (path: string, body: string | Buffer, headers: Record<string, string | undefined> = {}) =>
    lab.ask(`${lab.room}api/${path}`, { method: 'POST', body, headers });

  async function statusOfRefusal(webSocket: WebSocket): Promise<number | undefined> {
    webSocket.on('error', () => webSocket.terminate());
    const [, response] = await once(webSocket, 'unexpected-response');
    return response.statusCode;
  }

  it('takes a token once, and gives its cookie to the room alone', async () => {
    const again = await lab.ask(new URL(lab.dashboard.url).pathname);
    assert.equal(again.status, 403);
    assert.equal(again.headers['set-cookie'], undefined);
    assert.match(String(again.body), /"deskpod dashboard" makes a new one/);
    const { headers } = await lab.ask(new URL(lab.dashboard.issueUrl()).pathname);
    assert.match(
      headers['set-cookie']?.[0] ?? '',
      /^deskpod=[\w-]{43}; Path=\/[\w-]{22}\/; HttpOnly; SameSite=Strict$/,
    );
    assert.equal((await lab.ask(`/open/${'A'.repeat(43)}`)).status, 403);
  });

  it('says nothing to a page of another site, by another name, or without the cookie', async () => {
    const path = `${lab.room}api/overview`;
    const { port } = lab.dashboard;
    const statusOf = async (headers: Record<string, string | undefined>) =>
      (await lab.ask(path, { headers })).status;
    assert.equal(await statusOf({}), 200);
    for (const headers of [
      { cookie: undefined },
      { cookie: `${lab.cookie}x` },
      { cookie: 'deskpod=' },
      { host: `evil.example:${port}` },
      { host: `localhost:${port}` },
      { origin: 'http://evil.example' },
      { origin: `http://127.0.0.1:${port + 1}` },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      assert.equal(await statusOf(headers), 403, JSON.stringify(headers));
    }
    const other = `/${'A'.repeat(22)}/api/overview`;
    assert.equal((await lab.ask(other)).status, 404);
  });

  it('does nothing for a form of another page, even with the cookie', async () => {
    assert.equal((await post('look', '{}')).status, 200);
    assert.equal((await post('look', '{}', { origin: undefined })).status, 403);
    assert.equal((await post('look', '{}', { origin: 'http://evil.example' })).status, 403);
    assert.equal((await post('look', '{}', { 'sec-fetch-site': 'cross-site' })).status, 403);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', undefined])
      assert.equal((await post('look', '{}', { 'content-type': type })).status, 415, String(type));
    assert.equal(
      (await post('look', '{}', { 'content-type': 'application/json; charset=utf-8' })).status,
      200,
    );
  });

  it('answers no other method, and no upgrade but that of its own page', async () => {
    for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])
      assert.equal((await lab.ask(`${lab.room}api/overview`, { method })).status, 405, method);
    assert.equal((await lab.ask(`${lab.room}dashboard/`, { method: 'POST', body: '{}' })).status, 405);
    const own = { cookie: lab.cookie, origin: lab.origin };
    const live = `${lab.room}live`;
    for (const headers of [
      { cookie: lab.cookie },
      { origin: lab.origin },
      { ...own, origin: 'http://evil.example' },
      { ...own, host: 'evil.example' },
    ]) {
      assert.equal(await statusOfRefusal(lab.webSocket(live, headers as Record<string, string>)), 403);
    }
    assert.equal(await statusOfRefusal(lab.webSocket(`${lab.room}api/live`, own)), 404);
    const open = lab.webSocket(live, own);
    await once(open, 'open');
    open.send('{}');
    assert.equal((await once(open, 'close'))[0], 1003);
  });

  it('sends the strict policy with every answer of the API, and lets no other site read it', async () => {
    for (const path of ['overview', 'nothing', `pods/${ID}/timeline`]) {
      const { headers } = await lab.ask(`${lab.room}api/${path}`);
      assert.match(String(headers['content-security-policy']), /default-src 'none'/);
      assert.doesNotMatch(String(headers['content-security-policy']), /unsafe/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
  });

  it('has nothing at wrong paths, whatever they are made of', async () => {
    for (const path of [
      ...[
        '',
        'overview/',
        '../api/overview',
        'pods',
        'pods/',
        `pods/${ID}`,
        `pods/${ID}/`,
        `pods/${ID}/none`,
      ],
      ...['pods/../../overview', 'pods/%2e%2e/file', `pods/${ID}/__proto__`, `pods/${ID}/constructor`],
      ...[`pods/${ID}/v1/status`, `pods/${ID.toUpperCase()}/file`, 'pods/..%2f..%2fetc%2fpasswd/file', '%00'],
    ]) {
      assert.equal((await lab.ask(`${lab.room}api/${path}`)).status, 404, path);
    }
    for (const path of [
      '',
      'none',
      `pods/${ID}/v1/__proto__`,
      `pods/${ID}/v1/exec`,
      `pods/${ID}/constructor`,
    ])
      assert.equal((await post(path, '{}')).status, 404, path);
    const long = `pods/${ID}/file?checkpoint=1&path=${'x'.repeat(10_000)}`;
    assert.equal((await lab.ask(`${lab.room}api/${long}`)).status, 404);
  });

  it('reads no body that is too long, be its length told or not', async () => {
    const most = 64 * 1024;
    assert.equal((await post('look', `${' '.repeat(most - 2)}{}`)).status, 200);
    assert.equal((await post('look', `${' '.repeat(most)}{}`)).status, 413);
    const chunked = { 'transfer-encoding': 'chunked', 'content-length': undefined };
    assert.equal((await post('look', Buffer.alloc(8 * most, ' '), chunked)).status, 413);
    assert.equal((await post('look', '{"a":')).status, 400);
    assert.equal((await post('look', '')).status, 400);
  });

  it('listens on loopback only', async () => {
    const socket = connect(lab.dashboard.port, '127.0.0.2');
    const [error] = await once(socket, 'error');
    assert.equal(error.code, 'ECONNREFUSED');
  });

  it('says that it was ended to the pages that are open', async () => {
    const open = lab.webSocket(`${lab.room}live`);
    await once(open, 'open');
    const closed = once(open, 'close');
    await lab.dashboard.close();
    assert.equal((await closed)[0], 4004);
  });
});
