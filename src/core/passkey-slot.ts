// The slot of a passkey: what an authenticator is asked for before anything is unlocked, and what its answer opens.
import { ByteReader, ByteWriter, utf8 } from './bytes.ts';

/** WebAuthn's own limit. */
const CREDENTIAL_ID_MAX_BYTES = 1023;
/** That of a host's name. */
const RP_ID_MAX_BYTES = 253;
const TRANSPORTS_MAX = 16;
/** Ways to reach an authenticator, such as `internal` or `usb`: hints for browsers, which know more of them with time. */
const TRANSPORT = /^[a-z0-9-]{1,32}$/;
const RP_ID = /^[a-z0-9.-]+$/;

/** The passkey of a slot: a credential of WebAuthn. Unproven until the slot has been opened and its keyring proven. */
export interface Passkey {
  readonly credentialId: Uint8Array;
  /** The name of the site that it is for. */
  readonly rpId: string;
  readonly transports: readonly string[];
}

/** What a browser asks an authenticator for, as JSON carries it: bytes are hexadecimal. Nothing of it is proven. */
export interface PasskeyRequest {
  /** Of the slot. */
  readonly label: string;
  readonly credentialId: string;
  readonly rpId: string;
  readonly transports: readonly string[];
  /** What the authenticator's pseudo-random function is to be asked for. */
  readonly first: string;
  readonly second: string;
}

/** What stands in a slot of this kind. */
export interface PasskeySlot extends Passkey {
  /** The age file. */
  readonly file: Uint8Array;
}

/** The bytes of a passkey's slot. RangeError for what a slot does not take: see {@link isPasskey}. */
export function encodePasskeySlot({ credentialId, rpId, transports, file }: PasskeySlot): Uint8Array {
  if (!isPasskey({ credentialId, rpId, transports }))
    throw new RangeError('expected a credential of WebAuthn, got something else');
  return new ByteWriter(512)
    .prefixed(credentialId)
    .prefixed(utf8(rpId))
    .prefixed(utf8(transports.join(' ')))
    .bytes(file)
    .finish();
}

/** What a passkey's slot says, with nothing proven. Throws KEYRING_DAMAGED. */
export function decodePasskeySlot(sealed: Uint8Array): PasskeySlot {
  const reader = new ByteReader(sealed, 'KEYRING_DAMAGED', 'slot of a passkey');
  const credentialId = reader.prefixed();
  const rpId = asciiOf(reader.prefixed());
  const transports = asciiOf(reader.prefixed());
  const passkey = { credentialId, rpId, transports: transports === '' ? [] : transports.split(' ') };
  if (!isPasskey(passkey)) throw reader.damaged('expected a credential of WebAuthn, got something else');
  return { ...passkey, file: reader.take(reader.remaining) };
}

/** True for an id of 1 to 1023 bytes, a site's name, and at most 16 short words for transports. */
export function isPasskey({ credentialId, rpId, transports }: Passkey): boolean {
  return (
    credentialId.length > 0 &&
    credentialId.length <= CREDENTIAL_ID_MAX_BYTES &&
    rpId.length <= RP_ID_MAX_BYTES &&
    RP_ID.test(rpId) &&
    transports.length <= TRANSPORTS_MAX &&
    transports.every((transport) => TRANSPORT.test(transport))
  );
}

/** What is no ASCII becomes something that no name has. */
function asciiOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 1024));
}
