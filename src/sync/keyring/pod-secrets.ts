// The secrets of a pod, as a slot of its keyring holds them.
import { fromHex, toHex, utf8 } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';

const KEY_LENGTHS = { logKey: 32, chunkIdKey: 32, chunkerKey: 32, volumeKey: 64 } as const;

/** All that a pod keeps secret. */
export interface Secrets {
  /** 16 bytes. */
  readonly podId: Uint8Array;
  /** `AGE-SECRET-KEY-1…`: opens every object. */
  readonly identity: string;
  /** Authenticates records, head, keyring and marker. */
  readonly logKey: Uint8Array;
  readonly chunkIdKey: Uint8Array;
  readonly chunkerKey: Uint8Array;
  /** 64 bytes; opens the vault. */
  readonly volumeKey: Uint8Array;
}

/** The secrets as JSON: keys in base64, the pod's id in hexadecimal. */
export function encodeSecrets(secrets: Secrets): Uint8Array {
  const json = {
    v: 1,
    podId: toHex(secrets.podId),
    identity: secrets.identity,
    logKey: base64(secrets.logKey),
    chunkIdKey: base64(secrets.chunkIdKey),
    chunkerKey: base64(secrets.chunkerKey),
    volumeKey: base64(secrets.volumeKey),
  };
  return utf8(JSON.stringify(json));
}

/** Reads them back. Throws KEYRING_DAMAGED or FORMAT_UNKNOWN. */
export function decodeSecrets(bytes: Uint8Array): Secrets {
  const json = parse(bytes);
  if (json.v !== 1)
    throw new DeskPodError('FORMAT_UNKNOWN', `secrets: expected version 1, got ${JSON.stringify(json.v)}`);
  const { podId, identity } = json;
  if (typeof podId !== 'string' || !/^[0-9a-f]{32}$/.test(podId)) throw damaged('podId');
  if (typeof identity !== 'string' || !identity.startsWith('AGE-SECRET-KEY-1')) throw damaged('identity');
  return {
    podId: fromHex(podId),
    identity,
    logKey: keyOf(json, 'logKey'),
    chunkIdKey: keyOf(json, 'chunkIdKey'),
    chunkerKey: keyOf(json, 'chunkerKey'),
    volumeKey: keyOf(json, 'volumeKey'),
  };
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof json === 'object' && json !== null) return json as Readonly<Record<string, unknown>>;
  } catch {
    // the text of a JSON error quotes its input, which is secret here
  }
  throw damaged('JSON');
}

function keyOf(json: Readonly<Record<string, unknown>>, name: keyof typeof KEY_LENGTHS): Uint8Array {
  const text = json[name];
  if (typeof text !== 'string') throw damaged(name);
  const key = new Uint8Array(Buffer.from(text, 'base64'));
  if (key.length !== KEY_LENGTHS[name] || base64(key) !== text) throw damaged(name);
  return key;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function damaged(what: string): DeskPodError {
  return new DeskPodError('KEYRING_DAMAGED', `secrets: expected ${what}, got something else`);
}
