// Asking an authenticator, by the browser's WebAuthn, for what its pseudo-random function makes of two inputs.

import type { PasskeyRequest } from '../../src/core/passkey-slot.ts';
import type { AskingLine, MadePasskey } from '../../src/session/door/passkey-line.ts';

/** Ed25519, ECDSA with P-256, RSA: nothing is ever signed with it, so any will do. */
const ALGORITHMS = [-8, -7, -257];
/** Of one result. */
const RESULT_BYTES = 32;

/** True if this browser can ask for passkeys at all. */
export function hasPasskeys(): boolean {
  return 'PublicKeyCredential' in window;
}

/**
 * Asks for any one of these passkeys, with the user's finger or PIN.
 * @returns both results of the one that answered, in hexadecimal
 * @throws Error in words for the user
 */
export async function askPasskey(requests: readonly PasskeyRequest[]): Promise<string> {
  const credential = await inWords(() =>
    navigator.credentials.get({
      publicKey: {
        challenge: random(),
        rpId: location.hostname,
        userVerification: 'required',
        allowCredentials: requests.map(descriptorOf),
        extensions: {
          prf: {
            evalByCredential: Object.fromEntries(
              requests.map((request) => [base64Url(bytesOf(request.credentialId)), inputsOf(request)]),
            ),
          },
        },
      },
    }),
  );
  return resultsOf(credential) ?? fail('This passkey answered without what opens the pod.');
}

/**
 * Has an authenticator make a passkey, and asks it at once: two touches where one does not do.
 * @throws Error in words for the user
 */
export async function makePasskey({ podName, known, ...inputs }: AskingLine): Promise<MadePasskey> {
  const credential = await inWords(() =>
    navigator.credentials.create({
      publicKey: {
        challenge: random(),
        rp: { name: 'DeskPod', id: location.hostname },
        // another id each time: with one that it knows, an authenticator would replace that passkey
        user: { id: random(), name: podName, displayName: podName },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
        excludeCredentials: known.map(descriptorOf),
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
        extensions: { prf: { eval: inputsOf(inputs) } },
      },
    }),
  );
  if (!(credential instanceof PublicKeyCredential)) return fail('The browser made no passkey.');
  if (credential.getClientExtensionResults().prf?.enabled !== true)
    fail(
      'This authenticator, or this browser with it, cannot open anything: it lacks the PRF extension. Try another.',
    );
  const { response } = credential;
  const transports = response instanceof AuthenticatorAttestationResponse ? response.getTransports() : [];
  const credentialId = toHex(new Uint8Array(credential.rawId));
  const { first, second, label, rpId } = inputs;
  const prf =
    resultsOf(credential) ?? (await askPasskey([{ label, rpId, credentialId, transports, first, second }]));
  return { credentialId, transports, prf };
}

function descriptorOf({ credentialId, transports }: PasskeyRequest): PublicKeyCredentialDescriptor {
  return {
    type: 'public-key',
    id: bytesOf(credentialId),
    // a browser passes over words that it does not know
    transports: transports as AuthenticatorTransport[],
  };
}

function inputsOf({
  first,
  second,
}: Pick<PasskeyRequest, 'first' | 'second'>): AuthenticationExtensionsPRFValues {
  return { first: bytesOf(first), second: bytesOf(second) };
}

function resultsOf(credential: Credential | null): string | undefined {
  if (!(credential instanceof PublicKeyCredential)) return undefined;
  const { first, second } = credential.getClientExtensionResults().prf?.results ?? {};
  if (first === undefined || second === undefined) return undefined;
  const results = [first, second].map(viewOf);
  return results.every(({ length }) => length === RESULT_BYTES) ? results.map(toHex).join('') : undefined;
}

/** What a browser says of a failure is for programmers. */
async function inWords<Result>(ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    if (name === 'NotAllowedError')
      return fail('It was cancelled, took too long, or there is no such passkey here.');
    if (name === 'InvalidStateError') return fail('This authenticator has a passkey of this pod already.');
    return fail(
      `The browser could not ask for a passkey: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function fail(text: string): never {
  throw new Error(text);
}

function viewOf(source: BufferSource): Uint8Array {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
}

function random(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
