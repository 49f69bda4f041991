// A display that is not what it should be: the session may put anything in its place.
import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { isDeskPodError } from '../../src/core/errors.ts';
import { X11Client } from '../../src/session/preflight/x11.ts';

const ROOT_WINDOW = 0x123;

describe('a client of X11', () => {
  it('takes an error for the answer that there is nothing', async () => {
    const { client, display } = await connected();
    display.write(message(0));
    assert.equal(await client.atom('_NET_WM_PID'), 0);
    display.write(message(0));
    assert.equal((await client.property(7, 1, 4)).bytes.length, 0);
    assert.equal(client.rootWindow, ROOT_WINDOW);
  });

  it('passes over events', async () => {
    const { client, display } = await connected();
    const reply = message(1);
    reply.writeUInt32LE(42, 8);
    display.write(Buffer.concat([message(34), reply]));
    assert.equal(await client.atom('WM_NAME'), 42);
  });

  it('knows for how long a display was idle, if it counts that', async () => {
    const { client, display } = await connected();
    display.write(message(1));
    assert.equal(await client.idleMs(), undefined);
    const extension = message(1);
    extension.set([1, 144], 8);
    const info = message(1);
    info.writeUInt32LE(123_456, 16);
    display.write(Buffer.concat([extension, info]));
    assert.equal(await client.idleMs(), 123_456);
    display.write(Buffer.concat([extension, message(0)]));
    assert.equal(await client.idleMs(), undefined);
  });

  it('reads no answer that is longer than any can be', async () => {
    const { client, display } = await connected();
    const reply = message(1);
    reply.writeUInt32LE(0xffffffff, 4);
    display.write(reply);
    await assert.rejects(client.atom('WM_NAME'), isDisplayFailure);
  });

  it('fails if it is refused, shown no screen, or left in the middle of an answer', async () => {
    const refused = Buffer.alloc(8);
    const noScreen = Buffer.concat([Buffer.from([1, 0, 11, 0, 0, 0, 8, 0]), Buffer.alloc(32)]);
    const tooShort = Buffer.from([1, 0, 11, 0, 0, 0, 1, 0, 9, 9, 9, 9]);
    for (const bytes of [refused, noScreen, tooShort, setup().subarray(0, 20)]) {
      const [stream, display] = duplexPair();
      display.end(bytes);
      await assert.rejects(X11Client.open(stream), isDisplayFailure);
    }
  });
});

async function connected(): Promise<{ readonly client: X11Client; readonly display: Duplex }> {
  const [stream, display] = duplexPair();
  display.write(setup());
  display.resume();
  return { client: await X11Client.open(stream), display };
}

/** What a display says first: no vendor, no formats, one screen. */
function setup(): Buffer {
  const body = Buffer.alloc(32 + 40);
  body.writeUInt32LE(ROOT_WINDOW, 32);
  return Buffer.concat([Buffer.from([1, 0, 11, 0, 0, 0, body.length / 4, 0]), body]);
}

function message(kind: number): Buffer {
  return Buffer.alloc(32).fill(kind, 0, 1);
}

function isDisplayFailure(error: unknown): boolean {
  return isDeskPodError(error, 'DISPLAY_FAILED');
}
