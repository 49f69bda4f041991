// The header of a new age file, as bytes: a line for each stanza and its body, and the proof that none was changed.
import { createHmac, hkdfSync } from 'node:crypto';
import type { Stanza } from 'age-encryption';
import { base64Unpadded } from './age-file-key.ts';

const VERSION = 'age-encryption.org/v1';
/** As many bytes as a line of 64 letters holds. */
const LINE_BYTES = 48;

/** The header of a file whose key the stanzas hold. */
export function encodeHeader(stanzas: readonly Stanza[], fileKey: Uint8Array): Uint8Array {
  const lines = [
    VERSION,
    ...stanzas.flatMap(({ args, body }) => [`-> ${args.join(' ')}`, ...bodyLines(body)]),
  ];
  const proven = `${lines.join('\n')}\n---`;
  const key = new Uint8Array(hkdfSync('sha256', fileKey, new Uint8Array(0), 'header', 32));
  return Buffer.from(`${proven} ${base64Unpadded(createHmac('sha256', key).update(proven).digest())}\n`);
}

/** The last line is shorter than a full one, so that it is known for the last; it may be empty. */
function bodyLines(body: Uint8Array): string[] {
  const lines: string[] = [];
  for (let from = 0; from <= body.length; from += LINE_BYTES)
    lines.push(base64Unpadded(body.subarray(from, from + LINE_BYTES)));
  return lines;
}
