// For a guest without a browser: what a page does with a door and a viewer. It gives the passphrase, looks, and is closed as a page is.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ask, enter, tell } from './site.ts';

/** What a page says when it is closed: `pageLeft` of the viewer. */
const PAGE_LEFT = 4005;
const POLL_MS = 100;

const [, , address = '', passphraseFile = '', leaveFile = ''] = process.argv;

interface Line {
  readonly state: string;
  readonly url?: string;
  readonly fault?: { readonly message: string };
}

const door = await enter(new URL(address));
const wish = { key: { passphrase: readFileSync(passphraseFile, 'utf8').trimEnd() }, ways: [] };
const lines = createInterface({ input: await ask(door, 'GET', 'api/lines') });
let asked = 0;
for await (const text of lines) {
  const line = JSON.parse(text) as Line;
  if (line.state === 'locked') {
    if (asked++ > 0) throw new Error(line.fault?.message ?? 'it is locked again');
    tell({ locked: true });
    const answer = await ask(door, 'POST', 'api/unlock', JSON.stringify(wish));
    if (answer.statusCode !== 202) throw new Error(`unlock: ${answer.statusCode}`);
  }
  if (line.state === 'open') await look(new URL(line.url ?? ''));
}

/** Shows the desktop until it is to leave. */
async function look(url: URL): Promise<void> {
  const viewer = await enter(url);
  const open = (name: string): WebSocket => {
    const socket = new WebSocket(`ws://${url.host}${viewer.room}${name}`, { headers: viewer.headers });
    socket.binaryType = 'arraybuffer';
    return socket;
  };
  const [status, display] = [open('status'), open('display')];
  const [{ data }] = (await once(display, 'message')) as [{ data: ArrayBuffer }];
  tell({ display: Buffer.from(data).toString('latin1').trim() });
  while (!existsSync(leaveFile)) await delay(POLL_MS);
  const closed = once(status, 'close');
  status.close(PAGE_LEFT);
  display.close();
  await closed;
  process.exit(0);
}
