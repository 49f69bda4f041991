// What a keyring grants a home: to prove what the pod wrote and take it over sealed; and if its owner says so, to read it.
import { equalBytes, fromHex, toHex, utf8 } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { decodeKeyring, peekKeyring } from '../../core/keyring.ts';
import { open } from '../age/age.ts';
import { hashing } from '../hashing.ts';
import { decodeSecrets, encodeSecrets, type Secrets } from './pod-secrets.ts';

const LOG_KEY_BYTES = 32;

/** What stands in the slot of a home. */
export interface HomeGrant {
  /** 16 bytes. */
  readonly podId: Uint8Array;
  /** What the pod calls this home. */
  readonly url: string;
  /** Proves head, keyring and marker, and that a note is home's. It opens no object. */
  readonly logKey: Uint8Array;
  /** All secrets of the pod; undefined for a home that may not read it. */
  readonly secrets: Secrets | undefined;
}

/** The plaintext of a home's slot: JSON. */
export function encodeGrant({ podId, url, logKey, secrets }: HomeGrant): Uint8Array {
  const read = secrets === undefined ? {} : { secrets: JSON.parse(textOf(encodeSecrets(secrets))) as object };
  return utf8(JSON.stringify({ v: 1, podId: toHex(podId), url, logKey: base64(logKey), ...read }));
}

/** Reads it back. Throws KEYRING_DAMAGED or FORMAT_UNKNOWN. */
export function decodeGrant(bytes: Uint8Array): HomeGrant {
  const { v, podId, url, logKey, secrets } = parse(bytes);
  if (v !== 1)
    throw new DeskPodError('FORMAT_UNKNOWN', `grant: expected version 1, got ${JSON.stringify(v)}`);
  if (typeof podId !== 'string' || !/^[0-9a-f]{32}$/.test(podId)) throw damaged('podId');
  if (typeof url !== 'string') throw damaged('url');
  if (typeof logKey !== 'string') throw damaged('logKey');
  const key = new Uint8Array(Buffer.from(logKey, 'base64'));
  if (key.length !== LOG_KEY_BYTES || base64(key) !== logKey) throw damaged('logKey');
  const grant = { podId: fromHex(podId), url, logKey: key };
  if (secrets === undefined) return { ...grant, secrets: undefined };
  const all = decodeSecrets(utf8(JSON.stringify(secrets)));
  if (!equalBytes(all.podId, grant.podId) || !equalBytes(all.logKey, key)) throw damaged('secrets');
  return { ...grant, secrets: all };
}

/**
 * What a keyring grants the home that has this identity; undefined if nothing. The keyring is proven by what the grant holds,
 * and nothing proves the grant: whoever knows the home's recipient can seal one. Compare with what home has.
 *
 * @throws DeskPodError KEYRING_DAMAGED, FORMAT_UNKNOWN
 */
export async function findGrant(keyringBytes: Uint8Array, identity: string): Promise<HomeGrant | undefined> {
  const { podId, slots } = peekKeyring(keyringBytes);
  for (const { kind, sealed } of slots) {
    if (kind !== 'home') continue;
    const plaintext = await open(sealed, { identity }).catch(unlessOfAnother);
    if (plaintext === undefined) continue;
    const grant = decodeGrant(plaintext);
    decodeKeyring(keyringBytes, { hashing, logKey: grant.logKey });
    if (!equalBytes(grant.podId, podId)) throw damaged('podId');
    return grant;
  }
  return undefined;
}

/** A slot that another home's identity opens, or nobody's as it is damaged, is passed over. */
function unlessOfAnother(error: unknown): undefined {
  if (!isDeskPodError(error, 'KEYRING_NO_IDENTITY') && !isDeskPodError(error, 'OBJECT_DAMAGED')) throw error;
  return undefined;
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(textOf(bytes));
    if (typeof json === 'object' && json !== null) return json as Readonly<Record<string, unknown>>;
  } catch {
    // the text of a JSON error quotes its input, which is secret here
  }
  throw damaged('JSON');
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function damaged(what: string): DeskPodError {
  return new DeskPodError('KEYRING_DAMAGED', `grant: expected ${what}, got something else`);
}
