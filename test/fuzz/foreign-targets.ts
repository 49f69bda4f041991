// The parsers of what others wrote: rsync, ssh and age, the session's agent and display, and the user's command line.
import assert from 'node:assert/strict';
import { Duplex, Readable } from 'node:stream';
import { deflateSync } from 'node:zlib';
import { ExecaError } from 'execa';
import { parseGeometry } from '../../src/cli/geometry.ts';
import { parseNumber } from '../../src/cli/number.ts';
import { printableLine } from '../../src/cli/printable.ts';
import { formatMoment, parseDuration, parseShare, parseSize } from '../../src/cli/units.ts';
import { utf8 } from '../../src/core/bytes.ts';
import { isDeskPodError } from '../../src/core/errors.ts';
import { hashOfObjectPath } from '../../src/core/object-path.ts';
import { PathPattern } from '../../src/core/path-pattern.ts';
import { parseReceiveRequest, splitCommand } from '../../src/core/receive-request.ts';
import { normalizeRecoveryKey } from '../../src/core/recovery-key.ts';
import { isPackageName } from '../../src/session/base/package-name.ts';
import {
  createFrameReader,
  encodeFrame,
  LARGEST_PAYLOAD_BYTES,
  parseExit,
} from '../../src/session/process/exec-frames.ts';
import { ByteSource } from '../../src/session/rfb/byte-source.ts';
import { encodeProvide } from '../../src/session/rfb/clipboard.ts';
import { shakeHands } from '../../src/session/rfb/handshake.ts';
import { Framebuffer } from '../../src/session/rfb/pixels.ts';
import { readServerMessage } from '../../src/session/rfb/server-messages.ts';
import { parseCommand } from '../../src/session/supervisor/exec-stream.ts';
import { linesOf } from '../../src/session/supervisor/wire.ts';
import { generateIdentity, open, recipientOf, seal } from '../../src/sync/age/age.ts';
import { parseHomeUrl } from '../../src/sync/home/home-url.ts';
import { faultOf } from '../../src/sync/home/rsync-faults.ts';
import { readListing } from '../../src/sync/home/rsync-listing.ts';
import { decodeSecrets, encodeSecrets } from '../../src/sync/keyring/pod-secrets.ts';
import { ProcessError } from '../../src/sync/process.ts';
import type { FuzzTarget } from './fuzzing.ts';
import { hostileJson } from './hostile-json.ts';
import type { Random } from './random.ts';

const KEY = 'AGE-SECRET-KEY-1UQY7T3ND03G98SGDALUE0TU45FYTVU35DZUR0DC6K0G28N7LRHAQY4LZ8C';
const HASH = '0123456789abcdef'.repeat(4);
const secrets = {
  podId: new Uint8Array(16).fill(1),
  identity: KEY,
  logKey: new Uint8Array(32).fill(2),
  chunkIdKey: new Uint8Array(32).fill(3),
  chunkerKey: new Uint8Array(32).fill(4),
  volumeKey: new Uint8Array(64).fill(5),
};
/** The largest display, made anew at each of the sizes that one update may have. */
const DISPLAYS_BYTES = 6 * 7680 * 4320 * 4;

export const FOREIGN_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'secrets',
    seeds: () => [encodeSecrets(secrets)],
    vary: (random) => hostileJson([JSON.parse(Buffer.from(encodeSecrets(secrets)).toString())], random),
    parse: (bytes) => {
      const decoded = decodeSecrets(bytes);
      assert.equal(decoded.podId.length + decoded.logKey.length + decoded.volumeKey.length, 112);
    },
  },
  {
    name: 'age file',
    seeds: async () => {
      const recipient = await recipientOf(secrets.identity);
      const other = await recipientOf(await generateIdentity());
      return [
        await seal(utf8('plaintext'), { recipient }),
        await seal(new Uint8Array(0), { recipient }),
        await seal(utf8('not for us'), { recipient: other }),
        await seal(utf8('by passphrase'), { passphrase: 'x', workFactor: 1 }),
      ];
    },
    // the header's key agreement takes milliseconds
    everyNth: 100,
    maxMs: 500,
    parse: (bytes) => open(bytes, { identity: secrets.identity }),
  },
  text(
    'rsync listing',
    [
      'drwxr-xr-x          4,096 2026/11/22 23:31:16 .',
      `-rw-------        123 2026/11/22 23:31:16 packs/00/${HASH}.age\n-rw-r--r-- 1 2026/11/22 23:31:16 a name`,
    ],
    (given) => {
      for (const { sizeBytes, name } of readListing(given))
        assert.ok(Number.isSafeInteger(sizeBytes) && name !== '');
    },
  ),
  text(
    'rsync failure',
    [
      "@ERROR: Unknown module 'x'\nrsync error: error starting client-server protocol (code 5)",
      'deskpod home: HOME_FULL: no space left (make room)',
      'Permission denied (publickey,password).',
      'ssh: Could not resolve hostname x',
    ],
    (given) => {
      const failure = Object.assign(new ExecaError(), { stderr: given, exitCode: 12 });
      const error = new ProcessError('rsync', [], undefined, failure);
      for (const isRemote of [true, false]) assert.equal(typeof faultOf(error, isRemote).message, 'string');
    },
  ),
  text(
    'receive request',
    [
      'rsync --server --sender -de.LsfxCIvu --list-only . /srv/home/',
      `rsync --server -Re.LsfxCIvu --ignore-existing --partial-dir .partial . /srv/home/pods/${HASH.slice(0, 32)}/`,
    ],
    (given) => {
      const request = parseReceiveRequest(splitCommand(given), '/srv/home');
      if (request.kind === 'read')
        assert.ok(!request.folder.startsWith('/') && !request.folder.split('/').includes('..'));
      else assert.match(request.podId, /^[0-9a-f]{32}$/);
    },
  ),
  text(
    'object path',
    [`packs/01/${HASH}.age`, `segments/000000000001-${HASH}.age`, `keyrings/${HASH}`],
    (given) => {
      const hash = hashOfObjectPath(given);
      assert.ok(hash === undefined || (given.includes(hash) && !given.includes('..')));
    },
  ),
  text(
    'home URL',
    [
      '/srv/home',
      'user@host:/path',
      'ssh://user@host:2222/path',
      'rsync://user@[::1]:873/module/x',
      'twin:///dev/disk/by-uuid/0b1c',
    ],
    (given) => {
      const address = parseHomeUrl(given);
      if (address.kind === 'folder' || address.kind === 'twin')
        return assert.ok(address.path.startsWith('/') && !address.path.includes('\0'));
      assert.ok(!/^-|@-|\0|\s/.test(address.destination) && (address.port ?? 0) < 65_536);
    },
  ),
  {
    ...text('recovery key', [KEY, KEY.toLowerCase(), KEY.slice(16).replace(/(.{4})/g, '$1 ')], (given) => {
      assert.match(normalizeRecoveryKey(given), /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/);
    }),
    // looking for the one wrong letter tries some ten thousand keys
    growthBytes: 4 * 1024 * 1024,
  },
  {
    ...text('path pattern', ['*.txt', '/a/**/b?[a-z]', '**', '[[:digit:]]*\\*', '*a*a*a*a*b'], (given) => {
      const pattern = new PathPattern(given);
      pattern.matches(utf8('a/b/c/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'), false);
      pattern.matches(utf8(given), true);
    }),
    // pattern and path are as long as each other here, and both may be of one letter and stars
    maxMs: 1000,
    // a table of 256 bytes for each byte of the pattern
    growthBytes: 16 * 1024 * 512,
  },
  text('number', ['1', '42', '007'], (given) => assert.ok(parseNumber(given) >= 1)),
  text('size', ['8G', '512M', '1.5TiB', '1048576'], (given) =>
    assert.ok(Number.isSafeInteger(parseSize(given))),
  ),
  text('duration', ['90s', '10m', '1.5h', '1d'], (given) =>
    assert.ok(Number.isSafeInteger(parseDuration(given))),
  ),
  text('share', ['5%', '0.1%', '100%'], (given) => assert.ok(parseShare(given) > 0)),
  text('geometry', ['1280x800'], (given) => assert.ok(parseGeometry(given).width <= 8192)),
  text('moment', ['0', '1700000000000', '-1', '8640000000000000', '1e300'], (given) => {
    assert.equal(typeof formatMoment(Number(given)), 'string');
  }),
  text('package name', ['gimp', 'libstdc++6', 'a.b-c'], (given) => {
    if (isPackageName(given)) assert.match(given, /^[a-z0-9][a-z0-9.+-]+$/);
  }),
  text('printable text', ['plain', '\u001b[31mred\u001b[0m', 'ü\u202e'], (given) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    assert.doesNotMatch(printableLine(given), /[\u0000-\u001f\u007f-\u009f]/);
  }),
  {
    name: 'exec frames',
    // room for the longest frame, once it has begun
    growthBytes: 4 * LARGEST_PAYLOAD_BYTES,
    seeds: () => [
      Buffer.concat([encodeFrame('A', 'H'), encodeFrame('I', new Uint8Array(300)), encodeFrame('Z')]),
      Buffer.from('Q\x03\0\0\x000 9', 'latin1'),
    ],
    parse: parseFrames,
  },
  {
    name: 'exec request',
    seeds: () => [utf8('["sh","-c","true"]')],
    vary: (random) => hostileJson([['sh', '-c', 'true']], random),
    parse: (bytes) => assert.ok(parseCommand(Buffer.from(bytes).toString()).length > 0),
  },
  {
    name: 'lines of an answer',
    seeds: () => [utf8('{"progress":{}}\n{"result":{}}\n'), utf8('\n\nä')],
    parse: parseLines,
  },
  { name: 'display greeting', seeds: () => [greeting(), greeting(0)], parse: (bytes) => greet(bytes) },
  {
    name: 'display messages',
    seeds: displayMessages,
    maxMs: 1000,
    growthBytes: DISPLAYS_BYTES,
    parse: readMessages,
  },
];

function text(name: string, seeds: readonly string[], parse: (text: string) => void): FuzzTarget {
  return {
    name,
    seeds: () => seeds.map(utf8),
    parse: (bytes) => parse(Buffer.from(bytes).toString('utf8')),
  };
}

/** However the bytes come in pieces, the frames are the same. */
function parseFrames(bytes: Uint8Array, random: Random): void {
  const whole = framesIn(bytes, () => Math.max(1, bytes.length));
  const pieces = framesIn(bytes, () => 1 + random.below(20));
  assert.deepEqual(pieces.frames, whole.frames);
  assert.equal(pieces.error === undefined, whole.error === undefined);
  if (whole.error !== undefined) throw whole.error;
}

function framesIn(bytes: Uint8Array, next: () => number): { frames: string[]; error?: unknown } {
  const read = createFrameReader();
  const frames: string[] = [];
  try {
    for (let at = 0; at < bytes.length; ) {
      const length = next();
      for (const { type, payload } of read(Buffer.from(bytes.subarray(at, at + length)))) {
        frames.push(`${type}${payload.toString('latin1')}`);
        if (type === 'Q') assert.ok(Number.isInteger(parseExit(payload).exitCode));
      }
      at += length;
    }
    return { frames };
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    // what came before it in the same piece is lost with it
    return { frames: [], error };
  }
}

/** However the bytes come in pieces, the lines are the same. */
async function parseLines(bytes: Uint8Array, random: Random): Promise<void> {
  const lines = Buffer.from(bytes).toString('latin1').split('\n').slice(0, -1);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(20);
    pieces.push(Buffer.from(bytes.subarray(at, at + length)));
    at += length;
  }
  const found: string[] = [];
  for await (const line of linesOf(Readable.from(pieces))) found.push(line);
  assert.deepEqual(
    found,
    lines.map((line) => Buffer.from(line, 'latin1').toString('utf8')),
  );
}

function greeting(result = 1): Uint8Array {
  const init = Buffer.alloc(24);
  init.writeUInt16BE(640, 0);
  init.writeUInt16BE(480, 2);
  init.writeUInt32BE(4, 20);
  const types = result === 0 ? Buffer.from([0, 0, 0, 0, 2, 0x6e, 0x6f]) : Buffer.from([1, 1, 0, 0, 0, 0]);
  return Buffer.concat([Buffer.from('RFB 003.008\n'), types, init, Buffer.from('desk')]);
}

async function greet(bytes: Uint8Array): Promise<void> {
  const { width } = await shakeHands(new ByteSource(streamOf(bytes)), () => undefined);
  assert.ok(width < 65_536);
}

function displayMessages(): Uint8Array[] {
  const rectangle = (
    encoding: number,
    x: number,
    y: number,
    width: number,
    height: number,
    ...rest: Buffer[]
  ) => {
    const header = Buffer.alloc(12);
    for (const [i, value] of [x, y, width, height].entries()) header.writeUInt16BE(value, i * 2);
    header.writeInt32BE(encoding, 8);
    return Buffer.concat([header, ...rest]);
  };
  const update = (...rectangles: Buffer[]) =>
    Buffer.concat([Buffer.from([0, 0, 0, rectangles.length]), ...rectangles]);
  const cutText = (body: Buffer, sign: number) => {
    const header = Buffer.alloc(8);
    header.writeUInt8(3);
    header.writeInt32BE(sign * body.length, 4);
    return Buffer.concat([header, body]);
  };
  const bomb = Buffer.concat([Buffer.from([0x10, 0, 0, 1]), deflateSync(Buffer.alloc(100_000))]);
  return [
    update(rectangle(0, 1, 1, 2, 2, Buffer.alloc(16, 7)), rectangle(-239, 0, 0, 8, 1, Buffer.alloc(33))),
    update(
      rectangle(-223, 0, 0, 320, 200),
      rectangle(-308, 0, 0, 100, 100, Buffer.alloc(20, 0).fill(1, 0, 1)),
    ),
    Buffer.concat([
      Buffer.from([0, 0, 0xff, 0xff]),
      rectangle(0, 0, 0, 1, 1, Buffer.alloc(4)),
      rectangle(-224, 0, 0, 0, 0),
    ]),
    cutText(Buffer.from('latin1 \xe9', 'latin1'), 1),
    cutText(encodeProvide('clipboard\ntext'), -1),
    cutText(bomb, -1),
    Buffer.from([2, 248, 0, 0, 0, 0, 0, 0, 1, 3, 1, 2, 3]),
  ];
}

async function readMessages(bytes: Uint8Array): Promise<void> {
  const source = new ByteSource(streamOf(bytes));
  const framebuffer = new Framebuffer(64, 64);
  // the end of the input ends it, as a cut connection would
  for (;;) await readServerMessage(source, framebuffer);
}

function streamOf(bytes: Uint8Array): Duplex {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  if (bytes.length > 0) stream.push(bytes);
  stream.push(null);
  return stream;
}
