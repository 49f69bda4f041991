// The command that serves the dashboard: an address at once, and a clean end that leaves no pod open.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openTreeLab, type TreeLab } from '../tree/tree-lab.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));

describe('deskpod dashboard', () => {
  let tree: TreeLab;
  beforeEach(async () => {
    tree = await openTreeLab();
  });
  afterEach(() => tree.close());

  it('prints its address, serves until it is told to end, and lets go of what it has open', async () => {
    const args = ['--json', 'dashboard', tree.dir, '--no-browser'];
    const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'inherit'], env: process.env });
    try {
      const ended = once(child, 'exit');
      const [line] = await once(createInterface({ input: child.stdout }), 'line');
      const { url, port } = JSON.parse(String(line)) as { url: string; port: number };
      assert.ok(url.startsWith(`http://127.0.0.1:${port}/open/`));
      const { headers, status } = await fetch(url);
      assert.equal(status, 200);
      const room = String(headers.get('refresh')).replace(/^0; url=(.*)dashboard\/$/, '$1');
      const cookie = String(headers.get('set-cookie')).split(';')[0] ?? '';
      const api = `http://127.0.0.1:${port}${room}api`;
      const overview = await fetch(`${api}/overview`, { headers: { cookie } });
      const { pods } = (await overview.json()) as { pods: { id: string; place: { path: string } }[] };
      const pod = pods.find(({ place }) => place.path === tree.dir);
      assert.ok(pod !== undefined);
      const unlocked = await fetch(`${api}/pods/${pod.id}/unlock`, {
        method: 'POST',
        headers: { cookie, origin: `http://127.0.0.1:${port}`, 'content-type': 'application/json' },
        body: JSON.stringify({ passphrase: 'correct horse battery' }),
      });
      assert.equal(unlocked.status, 200);
      const events = await fetch(`${api}/pods/${pod.id}/events`, { headers: { cookie } });
      assert.equal(events.status, 200);
      const asked = await fetch(`${api}/restore`, {
        method: 'POST',
        headers: { cookie, origin: `http://127.0.0.1:${port}`, 'content-type': 'application/json' },
        body: '{}',
      });
      const wizard = (await asked.json()) as { url: string };
      const led = await fetch(wizard.url);
      assert.match(String(led.headers.get('refresh')), /^0; url=\/.*\/restore\/$/);
      assert.equal((await fetch(wizard.url)).status, 403);
      child.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null]);
      assert.equal(await tree.checkpoint(), 1);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
