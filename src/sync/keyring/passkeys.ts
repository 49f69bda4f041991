// The passkeys of a keyring, as they are asked for before anything is unlocked.
import { toHex } from '../../core/bytes.ts';
import { isDeskPodError } from '../../core/errors.ts';
import { type KeyringSlot, peekKeyring } from '../../core/keyring.ts';
import { decodePasskeySlot, type PasskeyRequest } from '../../core/passkey-slot.ts';
import { passkeyNonceOf, prfInputsOf } from '../age/age-passkey.ts';

/** Those of a keyring with nothing proven. Throws KEYRING_DAMAGED or FORMAT_UNKNOWN. */
export function peekPasskeys(keyringBytes: Uint8Array): readonly PasskeyRequest[] {
  return passkeysOf(peekKeyring(keyringBytes).slots);
}

/** Those of all slots; a damaged one opens nothing, and keeps none of the others from being asked for. */
export function passkeysOf(slots: readonly KeyringSlot[]): readonly PasskeyRequest[] {
  return slots.flatMap((slot) => (slot.kind === 'passkey' ? requestOf(slot) : []));
}

function requestOf({ label, sealed }: KeyringSlot): readonly PasskeyRequest[] {
  try {
    const { credentialId, rpId, transports, file } = decodePasskeySlot(sealed);
    const nonce = passkeyNonceOf(file);
    if (nonce === undefined) return [];
    return [{ label, credentialId: toHex(credentialId), rpId, transports, ...prfRequestOf(nonce) }];
  } catch (error) {
    if (!isDeskPodError(error, 'KEYRING_DAMAGED')) throw error;
    return [];
  }
}

/** What the pseudo-random function is asked for with a nonce of 16 bytes. */
export function prfRequestOf(nonce: Uint8Array): Pick<PasskeyRequest, 'first' | 'second'> {
  const { first, second } = prfInputsOf(nonce);
  return { first: toHex(first), second: toHex(second) };
}
