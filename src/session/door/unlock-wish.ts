// What a page wants of the door, read from JSON that anything may have sent.

import { PRF_BYTES } from '../../sync/age/age-passkey.ts';
import type { UnlockWish, Way } from './door-line.ts';

const TEXT_LIMIT = 4096;
const PRF = new RegExp(`^[0-9a-f]{${PRF_BYTES * 2}}$`);
const WAYS: ReadonlySet<unknown> = new Set<Way>(['fresh', 'resume', 'promote']);

/** Throws TypeError unless it is a wish to unlock. */
export function parseUnlockWish(json: unknown): UnlockWish {
  const { key, ways } = objectOf(json);
  if (!Array.isArray(ways) || !ways.every((way) => WAYS.has(way))) throw new TypeError('expected ways');
  return { key: parseKey(key), ways: ways as Way[] };
}

function parseKey(json: unknown): UnlockWish['key'] {
  const { passphrase, recoveryKey, passkey } = objectOf(json);
  if (isText(passphrase)) return { passphrase };
  if (isText(recoveryKey)) return { recoveryKey };
  if (isText(passkey) && PRF.test(passkey)) return { passkey };
  throw new TypeError('expected a key');
}

/** Throws TypeError for what is no object. */
export function objectOf(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null) throw new TypeError('expected an object');
  return json as Readonly<Record<string, unknown>>;
}

/** True for text of one character or more, and no whole book. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LIMIT;
}
