// The header of an age file, as bytes: a line for each stanza and its body, and the proof that none was changed.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { DeskPodError } from '../../core/errors.ts';
import { base64Unpadded } from './age-file-key.ts';

const VERSION = 'age-encryption.org/v1';
/** As many bytes as a line of 64 letters holds. */
const LINE_BYTES = 48;
const PROOF_BYTES = 32;
const ARGUMENT = /^[\x21-\x7e]+$/;

/** One of the ways in which a header holds the file's key. */
export interface Stanza {
  /** The sort of recipient, and what it needs to be told. */
  readonly args: readonly string[];
  readonly body: Uint8Array;
}

/** Wraps the key of a file for somebody. */
export interface Recipient {
  wrapFileKey(fileKey: Uint8Array): Stanza[] | Promise<Stanza[]>;
}

/** Opens stanzas. */
export interface Identity {
  /** The key of the file; null if no stanza is for this identity. @throws DeskPodError OBJECT_DAMAGED */
  unwrapFileKey(stanzas: readonly Stanza[]): Uint8Array | null | Promise<Uint8Array | null>;
}

/** A header whose proof is still to be checked: that takes the key. */
export interface DecodedHeader {
  readonly stanzas: readonly Stanza[];
  /** True if nobody changed it who does not know the file's key. */
  isProvenBy(fileKey: Uint8Array): boolean;
}

/** The header of a file whose key the stanzas hold. */
export function encodeHeader(stanzas: readonly Stanza[], fileKey: Uint8Array): Uint8Array {
  const lines = stanzas.flatMap(({ args, body }) => [`-> ${args.join(' ')}`, ...bodyLines(body)]);
  const proven = `${[VERSION, ...lines].join('\n')}\n---`;
  return Buffer.from(`${proven} ${base64Unpadded(proofOf(proven, fileKey))}\n`);
}

/** Takes a header apart, which must be written in the one way that age has for it. @throws DeskPodError OBJECT_DAMAGED */
export function decodeHeader(header: Uint8Array): DecodedHeader {
  // what is no ASCII fits nowhere below
  const lines = Buffer.from(header.buffer, header.byteOffset, header.length).toString('latin1').split('\n');
  const last = lines.length - 2;
  if (lines[0] !== VERSION || lines[last + 1] !== '') throw damaged();
  const proof = lines[last]?.startsWith('--- ') === true ? bytesOf(lines[last].slice(4)) : undefined;
  if (proof?.length !== PROOF_BYTES) throw damaged();
  const stanzas: Stanza[] = [];
  for (let at = 1; at < last; ) {
    const [arrow, ...args] = (lines[at++] ?? '').split(' ');
    if (arrow !== '->' || args.length === 0 || !args.every((each) => ARGUMENT.test(each))) throw damaged();
    const body: Uint8Array[] = [];
    do {
      const line = at < last ? bytesOf(lines[at++] ?? '') : undefined;
      if (line === undefined || line.length > LINE_BYTES) throw damaged();
      body.push(line);
    } while (body.at(-1)?.length === LINE_BYTES);
    stanzas.push({ args, body: Buffer.concat(body) });
  }
  const proven = `${lines.slice(0, last).join('\n')}\n---`;
  return { stanzas, isProvenBy: (fileKey) => timingSafeEqual(proofOf(proven, fileKey), proof) };
}

/** The last line is shorter than a full one, so that it is known for the last; it may be empty. */
function bodyLines(body: Uint8Array): string[] {
  const lines: string[] = [];
  for (let from = 0; from <= body.length; from += LINE_BYTES)
    lines.push(base64Unpadded(body.subarray(from, from + LINE_BYTES)));
  return lines;
}

/** Undefined for what is not how {@link base64Unpadded} writes any bytes. */
function bytesOf(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return base64Unpadded(bytes) === text ? bytes : undefined;
}

function proofOf(proven: string, fileKey: Uint8Array): Buffer {
  const key = new Uint8Array(hkdfSync('sha256', fileKey, new Uint8Array(0), 'header', 32));
  return createHmac('sha256', key).update(proven, 'latin1').digest();
}

function damaged(): DeskPodError {
  return new DeskPodError('OBJECT_DAMAGED', 'age file: expected a header that was sealed, got another');
}
