// The messages that a client sends, as bytes.

/** Encodings that the client asks for, by their numbers on the wire. */
export const ENCODING = {
  raw: 0,
  cursor: -239,
  desktopSize: -223,
  lastRectangle: -224,
  extendedDesktopSize: -308,
  fence: -312,
  extendedClipboard: -1_063_131_698, // 0xc0a1e5ce as a signed number
} as const;

/** Bits of a fence message. */
export const FENCE = { blockBefore: 1, blockAfter: 2, syncNext: 4, request: 0x8000_0000 } as const;

/** The largest payload of a fence. */
export const FENCE_LIMIT_BYTES = 64;

/** SetPixelFormat: 32 bits a pixel whose bytes are red, green, blue and one unused. */
export function setPixelFormat(): Buffer {
  const message = Buffer.alloc(20);
  const [bitsPerPixel, depth, bigEndian, trueColor] = [32, 24, 0, 1];
  message.set([0, 0, 0, 0, bitsPerPixel, depth, bigEndian, trueColor]);
  for (const offset of [8, 10, 12]) message.writeUInt16BE(255, offset);
  message.set([0, 8, 16], 14);
  return message;
}

/** SetEncodings, in order of preference. */
export function setEncodings(encodings: readonly number[]): Buffer {
  const message = Buffer.alloc(4 + encodings.length * 4);
  message.writeUInt8(2, 0);
  message.writeUInt16BE(encodings.length, 2);
  for (const [index, encoding] of encodings.entries()) message.writeInt32BE(encoding, 4 + index * 4);
  return message;
}

/** FramebufferUpdateRequest for the area from 0,0 to width,height. */
export function updateRequest(incremental: boolean, width: number, height: number): Buffer {
  const message = Buffer.alloc(10);
  message.set([3, incremental ? 1 : 0]);
  message.writeUInt16BE(width, 6);
  message.writeUInt16BE(height, 8);
  return message;
}

/** KeyEvent. */
export function keyEvent(keysym: number, down: boolean): Buffer {
  const message = Buffer.alloc(8);
  message.set([4, down ? 1 : 0]);
  message.writeUInt32BE(keysym, 4);
  return message;
}

/** PointerEvent; bit 0 of `buttons` is the left button, 1 the middle, 2 the right, 3 and 4 the wheel. */
export function pointerEvent(x: number, y: number, buttons: number): Buffer {
  const message = Buffer.alloc(6);
  message.set([5, buttons]);
  message.writeUInt16BE(x, 2);
  message.writeUInt16BE(y, 4);
  return message;
}

/** ClientCutText with the text as Latin-1, which is all that the plain message can carry. */
export function clientCutText(text: string): Buffer {
  const characters = Array.from(text, (character) => (character > '\u00ff' ? '?' : character));
  const latin1 = Buffer.from(characters.join(''), 'latin1');
  const header = Buffer.alloc(8);
  header.writeUInt8(6, 0);
  header.writeUInt32BE(latin1.length, 4);
  return Buffer.concat([header, latin1]);
}

/** ClientCutText that carries an extended clipboard body: the length is written as a negative number. */
export function clientExtendedClipboard(body: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(6, 0);
  header.writeInt32BE(-body.length, 4);
  return Buffer.concat([header, body]);
}

/** ClientFence. */
export function clientFence(flags: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUInt8(248, 0);
  header.writeUInt32BE(flags >>> 0, 4);
  header.writeUInt8(payload.length, 8);
  return Buffer.concat([header, payload]);
}
