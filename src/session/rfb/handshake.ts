// The RFB 3.8 handshake: version, security type None, the display's first size.

import type { ByteSource } from './byte-source.ts';
import { displayFault, quoteBytes } from './fault.ts';

const VERSION = 'RFB 003.008\n';
const SECURITY_NONE = 1;
const TEXT_LIMIT_BYTES = 4096;

/** What the display says of itself. */
export interface ServerInit {
  readonly width: number;
  readonly height: number;
  readonly name: string;
}

/**
 * Speaks the handshake as a client that shares the display. Throws DISPLAY_FAILED if the other end speaks another
 * version, wants authentication, or refuses; its reason is in the message.
 */
export async function shakeHands(source: ByteSource, send: (bytes: Uint8Array) => void): Promise<ServerInit> {
  const version = await source.read(VERSION.length);
  const parts = /^RFB (\d{3})\.(\d{3})\n$/.exec(version.toString('latin1'));
  if (parts === null || Number(parts[1]) !== 3 || Number(parts[2]) < 8) {
    throw displayFault(`expected version RFB 003.008, got ${quoteBytes(version)}`);
  }
  send(Buffer.from(VERSION, 'latin1'));

  const typeCount = (await source.read(1)).readUInt8(0);
  if (typeCount === 0) throw displayFault(`refused the connection: ${await readReason(source)}`);
  const types = [...(await source.read(typeCount))];
  if (!types.includes(SECURITY_NONE)) {
    throw displayFault(`expected security type ${SECURITY_NONE} (none), got ${types.join(', ')}`, { types });
  }
  send(Uint8Array.of(SECURITY_NONE));
  const result = (await source.read(4)).readUInt32BE(0);
  if (result !== 0) throw displayFault(`refused the connection: ${await readReason(source)}`, { result });

  const shared = 1;
  send(Uint8Array.of(shared));
  const init = await source.read(24);
  const name = await readText(source, init.readUInt32BE(20));
  return { width: init.readUInt16BE(0), height: init.readUInt16BE(2), name: name.toString('utf8') };
}

async function readReason(source: ByteSource): Promise<string> {
  const sizeBytes = (await source.read(4)).readUInt32BE(0);
  return quoteBytes(await readText(source, sizeBytes));
}

async function readText(source: ByteSource, sizeBytes: number): Promise<Buffer> {
  if (sizeBytes > TEXT_LIMIT_BYTES) {
    throw displayFault(`expected a text of at most ${TEXT_LIMIT_BYTES} bytes, got ${sizeBytes}`, {
      sizeBytes,
    });
  }
  return source.read(sizeBytes);
}
