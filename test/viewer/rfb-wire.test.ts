// The RFB client against byte-literal messages, most of them hostile.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { connectRfb, openRfb, type RfbClient } from '../../src/session/rfb/client.ts';

const VERSION = Buffer.from('RFB 003.008\n');
const NONE = [1, 1, 0, 0, 0, 0];
const INIT_2X2 = [0, 2, 0, 2, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0, 0, 0, 0, 1, 0x78];
const HELLO = [...VERSION, ...NONE, ...INIT_2X2];
const EMPTY_UPDATE = [0, 0, 0, 0];

describe('an RFB client of a display that breaks the protocol', () => {
  let folder: string;
  let server: Server | undefined;
  let sockets: Socket[];
  let client: RfbClient | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deskpod-wire-'));
    sockets = [];
    client = undefined;
  });

  afterEach(async () => {
    client?.close();
    for (const socket of sockets) socket.destroy();
    const closing = server;
    if (closing?.listening) await new Promise((resolve) => closing.close(resolve));
    server = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  /** Connects to a display that sends `bytes` at once, whatever it is asked. */
  async function connectTo(bytes: readonly number[], timeoutMs = 2000): Promise<RfbClient> {
    const listening = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.write(Buffer.from(bytes));
    });
    server = listening;
    const path = join(folder, 'rfb');
    listening.listen(path);
    await once(listening, 'listening');
    client = await connectRfb(path, { timeoutMs });
    return client;
  }

  /** Expects the client to fail over `bytes`, sent after a right handshake and a first answer. */
  async function expectFailure(bytes: readonly number[], message: RegExp): Promise<void> {
    const failing = async () => {
      const connected = await connectTo([...HELLO, ...EMPTY_UPDATE, ...bytes]);
      await connected.requestUpdate();
    };
    await assert.rejects(failing(), { code: 'DISPLAY_FAILED', message });
  }

  it('takes raw pixels, a last rectangle and a new size, over any stream', async () => {
    const [ours, theirs] = duplexPair();
    theirs.resume();
    theirs.write(Buffer.from([...HELLO, ...EMPTY_UPDATE]));
    client = await openRfb(ours, { timeoutMs: 2000 });
    assert.deepEqual([client.width, client.height, client.name], [2, 2, 'x']);
    const pixels = [1, 2, 3, 9, 4, 5, 6, 9];
    const upper = [0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, ...pixels]; // 2x1 at 0,0
    const lower = [0, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0, 0, ...pixels]; // 2x1 at 0,1
    const last = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x20];
    const whole = client.requestUpdate();
    theirs.write(Buffer.from([0, 0, 0xff, 0xff, ...upper, ...lower, ...last]));
    await whole;
    assert.deepEqual([...client.framebuffer.rgba.subarray(8)], [1, 2, 3, 255, 4, 5, 6, 255]);
    const size = [0, 0, 0, 0, 0, 1, 0, 1, 0xff, 0xff, 0xff, 0x21]; // 1x1
    const resized = client.waitForPixels(({ width }) => width === 1, 2000);
    theirs.write(Buffer.from([0, 0, 0, 2, ...size, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 7, 8, 9, 0]));
    await resized;
    assert.deepEqual([...client.framebuffer.rgba], [7, 8, 9, 255]);
  });

  it('that may have so many pixels is taken with no more, and in no other size later', async () => {
    const limited = async (limitPixels: number): Promise<RfbClient> => {
      const [ours, theirs] = duplexPair();
      theirs.resume();
      const size = [0, 0, 0, 0, 0, 1, 0, 1, 0xff, 0xff, 0xff, 0x21]; // 1x1
      theirs.write(Buffer.from([...HELLO, ...EMPTY_UPDATE, 0, 0, 0, 1, ...size]));
      client = await openRfb(ours, { timeoutMs: 2000, limitPixels });
      return client;
    };
    await assert.rejects(limited(3), { code: 'DISPLAY_FAILED', message: /at most 3 pixels, got 2x2/ });
    const asked = limited(4).then((display) => display.requestUpdate());
    await assert.rejects(asked, { code: 'DISPLAY_FAILED', message: /to stay 2x2, got 1x1/ });
  });

  it('bears any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, afterHello) => {
        const [ours, theirs] = duplexPair();
        theirs.resume();
        theirs.end(Buffer.from([...(afterHello ? [...HELLO, ...EMPTY_UPDATE] : []), ...bytes]));
        const failing = async () => {
          const opened = await openRfb(ours, { timeoutMs: 2000 });
          await opened.waitForPixels(() => false, 2000);
        };
        await assert.rejects(failing(), { code: 'DISPLAY_FAILED' });
        assert.ok(ours.destroyed);
      }),
    );
  });

  it('refuses another version', async () => {
    const bytes = [...Buffer.from('RFB 003.003\n'), 0, 0, 0, 1];
    await assert.rejects(connectTo(bytes), { code: 'DISPLAY_FAILED', message: /got "RFB 003\.003\."/ });
  });

  it('refuses what is not RFB at all', async () => {
    const bytes = [...Buffer.from('HTTP/1.1 400 Bad Request\r\n')];
    await assert.rejects(connectTo(bytes), { code: 'DISPLAY_FAILED', message: /got "HTTP\/1\.1 400"/ });
  });

  it('passes on the reason of a refusal', async () => {
    const reason = Buffer.from('too many\x07 clients');
    const bytes = [...VERSION, 0, 0, 0, 0, reason.length, ...reason];
    await assert.rejects(connectTo(bytes), { code: 'DISPLAY_FAILED', message: /"too many\. clients"/ });
  });

  it('passes on the reason of a security failure', async () => {
    const reason = Buffer.from('not you');
    const bytes = [...VERSION, 1, 1, 0, 0, 0, 1, 0, 0, 0, reason.length, ...reason];
    await assert.rejects(connectTo(bytes), { code: 'DISPLAY_FAILED', message: /refused.*"not you"/ });
  });

  it('refuses a reason of 4 GiB', async () => {
    const bytes = [...VERSION, 0, 0xff, 0xff, 0xff, 0xff];
    await assert.rejects(connectTo(bytes), {
      code: 'DISPLAY_FAILED',
      message: /at most 4096 bytes, got 4294967295/,
    });
  });

  it('refuses a display that wants a password', async () => {
    await assert.rejects(connectTo([...VERSION, 1, 2]), {
      code: 'DISPLAY_FAILED',
      message: /security type 1.*got 2/,
    });
  });

  it('refuses a display of 65535x65535', async () => {
    const init = [0xff, 0xff, 0xff, 0xff, ...INIT_2X2.slice(4)];
    const bytes = [...VERSION, ...NONE, ...init];
    await assert.rejects(connectTo(bytes), { code: 'DISPLAY_FAILED', message: /got 65535x65535/ });
  });

  it('refuses a rectangle that leaves the display', async () => {
    await expectFailure([0, 0, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0], /inside 2x2, got 2x1 at 1,0/);
  });

  it('refuses an encoding that it did not ask for', async () => {
    await expectFailure([0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 7], /encoding.*got 7/);
  });

  it('refuses a new size of nothing', async () => {
    await expectFailure([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0x21], /got 0x9/);
  });

  it('refuses a pointer of 65535x65535', async () => {
    const header = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x11];
    await expectFailure([0, 0, 0, 1, ...header], /at most 2048x2048/);
  });

  it('refuses a cut text of 2 GiB', async () => {
    await expectFailure([3, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff], /at most 1048576 bytes, got 2147483647/);
  });

  it('refuses an extended clipboard message of 2 GiB', async () => {
    await expectFailure([3, 0, 0, 0, 0x80, 0, 0, 0], /at most 1048576 bytes, got 2147483648/);
  });

  it('refuses a clipboard text that unpacks to 64 MiB', async () => {
    const packed = deflateSync(Buffer.alloc(64 * 1024 * 1024));
    const length = Buffer.alloc(4);
    length.writeInt32BE(-(packed.length + 4));
    await expectFailure([3, 0, 0, 0, ...length, 0x10, 0, 0, 1, ...packed], /could not be unpacked/);
  });

  it('refuses a clipboard text that is shorter than it says', async () => {
    const packed = deflateSync(Buffer.from([0, 0, 0, 9, 0x61]));
    const length = [0xff, 0xff, 0xff, 0x100 - packed.length - 4];
    await expectFailure([3, 0, 0, 0, ...length, 0x10, 0, 0, 1, ...packed], /expected 9 bytes.*got 1/);
  });

  it('refuses a fence of 65 bytes', async () => {
    await expectFailure([248, 0, 0, 0, 0, 0, 0, 0, 65], /at most 64 bytes, got 65/);
  });

  it('refuses a message type that does not exist', async () => {
    await expectFailure([99], /got 99/);
  });

  it('gives up on a display that falls silent in its handshake', async () => {
    await assert.rejects(connectTo([...VERSION, 1], 200), {
      code: 'DISPLAY_FAILED',
      message: /within 200 ms/,
    });
  });

  it('gives up on a display that never sends the pixels it was asked for', async () => {
    const connected = await connectTo([...HELLO, ...EMPTY_UPDATE], 200);
    await assert.rejects(connected.requestUpdate(), { code: 'DISPLAY_FAILED', message: /within 200 ms/ });
  });

  it('says that the connection ended when it ends inside a message', async () => {
    const connected = await connectTo([...HELLO, ...EMPTY_UPDATE, 0, 0]);
    const waiting = assert.rejects(connected.requestUpdate(), { code: 'DISPLAY_FAILED', message: /ended/ });
    sockets[0]?.end();
    await waiting;
  });
});
