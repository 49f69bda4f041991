// The messages that a display sends, read and checked.

import type { ByteSource } from './byte-source.ts';
import { CLIPBOARD_LIMIT_BYTES, type ClipboardBody, decodeClipboard } from './clipboard.ts';
import { displayFault } from './fault.ts';
import { ENCODING, FENCE_LIMIT_BYTES } from './messages.ts';
import { type Framebuffer, type Rectangle, readRawRectangle } from './pixels.ts';

const CURSOR_SIDE_LIMIT_PIXELS = 2048;
const SCREEN_BYTES = 16;
const RECTANGLES_UNTIL_LAST = 0xffff;
/** A few bytes change the size, and each time all pixels are made anew. */
const SIZES_AN_UPDATE = 4;

/** One message of the display, after the framebuffer has taken its pixels. */
export type ServerMessage =
  | { readonly kind: 'update'; readonly areaPixels: number }
  | { readonly kind: 'bell' }
  | { readonly kind: 'cutText'; readonly text: string }
  | { readonly kind: 'clipboard'; readonly body: ClipboardBody }
  | { readonly kind: 'fence'; readonly flags: number; readonly payload: Buffer };

/** Reads one message; pixels go into `framebuffer`. Throws DISPLAY_FAILED on anything that we did not ask for. */
export async function readServerMessage(
  source: ByteSource,
  framebuffer: Framebuffer,
): Promise<ServerMessage> {
  const type = (await source.read(1)).readUInt8(0);
  switch (type) {
    case 0:
      return { kind: 'update', areaPixels: await readUpdate(source, framebuffer) };
    case 2:
      return { kind: 'bell' };
    case 3:
      return readCutText(source);
    case 248:
      return readFence(source);
    default:
      throw displayFault(`expected a message of type 0, 2, 3 or 248, got ${type}`, { type });
  }
}

/** Takes an update; resolves with the number of pixels that it carried. */
async function readUpdate(source: ByteSource, framebuffer: Framebuffer): Promise<number> {
  const rectangleCount = (await source.read(3)).readUInt16BE(1);
  let areaPixels = 0;
  let sizeCount = 0;
  for (let index = 0; rectangleCount === RECTANGLES_UNTIL_LAST || index < rectangleCount; index++) {
    const header = await source.read(12);
    const rectangle = {
      x: header.readUInt16BE(0),
      y: header.readUInt16BE(2),
      width: header.readUInt16BE(4),
      height: header.readUInt16BE(6),
    };
    const encoding = header.readInt32BE(8);
    if (encoding === ENCODING.lastRectangle) break;
    const isSize = encoding === ENCODING.desktopSize || encoding === ENCODING.extendedDesktopSize;
    if (isSize && ++sizeCount > SIZES_AN_UPDATE)
      throw displayFault(`expected at most ${SIZES_AN_UPDATE} sizes in one update, got more`);
    await readRectangle(source, framebuffer, rectangle, encoding);
    if (encoding === ENCODING.raw) areaPixels += rectangle.width * rectangle.height;
  }
  return areaPixels;
}

async function readRectangle(
  source: ByteSource,
  framebuffer: Framebuffer,
  rectangle: Rectangle,
  encoding: number,
): Promise<void> {
  switch (encoding) {
    case ENCODING.raw:
      return readRawRectangle(source, framebuffer, rectangle);
    case ENCODING.cursor:
      return skipCursor(source, rectangle);
    case ENCODING.desktopSize:
      return framebuffer.resize(rectangle.width, rectangle.height);
    case ENCODING.extendedDesktopSize:
      return readExtendedDesktopSize(source, framebuffer, rectangle);
    default:
      throw displayFault(`expected an encoding that was asked for, got ${encoding}`, { encoding });
  }
}

/** The client draws no pointer: the shape is taken only so that the display leaves it out of the pixels. */
async function skipCursor(source: ByteSource, { width, height }: Rectangle): Promise<void> {
  if (width > CURSOR_SIDE_LIMIT_PIXELS || height > CURSOR_SIDE_LIMIT_PIXELS) {
    throw displayFault(`expected a pointer of at most 2048x2048, got ${width}x${height}`, { width, height });
  }
  await source.skip(width * height * 4 + Math.ceil(width / 8) * height);
}

async function readExtendedDesktopSize(
  source: ByteSource,
  framebuffer: Framebuffer,
  { x: reason, y: status, width, height }: Rectangle,
): Promise<void> {
  const screenCount = (await source.read(4)).readUInt8(0);
  await source.skip(screenCount * SCREEN_BYTES);
  const answersThisClient = reason === 1;
  if (answersThisClient && status !== 0) return;
  framebuffer.resize(width, height);
}

async function readCutText(source: ByteSource): Promise<ServerMessage> {
  const length = (await source.read(7)).readInt32BE(3);
  const sizeBytes = Math.abs(length);
  if (sizeBytes > CLIPBOARD_LIMIT_BYTES) {
    throw displayFault(`expected a cut text of at most ${CLIPBOARD_LIMIT_BYTES} bytes, got ${sizeBytes}`, {
      sizeBytes,
    });
  }
  const bytes = await source.read(sizeBytes);
  if (length < 0) return { kind: 'clipboard', body: decodeClipboard(bytes) };
  return { kind: 'cutText', text: bytes.toString('latin1') };
}

async function readFence(source: ByteSource): Promise<ServerMessage> {
  const header = await source.read(8);
  const sizeBytes = header.readUInt8(7);
  if (sizeBytes > FENCE_LIMIT_BYTES) {
    throw displayFault(`expected a fence of at most ${FENCE_LIMIT_BYTES} bytes, got ${sizeBytes}`, {
      sizeBytes,
    });
  }
  return { kind: 'fence', flags: header.readUInt32BE(3), payload: await source.read(sizeBytes) };
}
