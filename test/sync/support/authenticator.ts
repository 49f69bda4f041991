// An authenticator's pseudo-random function, without its browser: what WebAuthn's PRF extension and CTAP's hmac-secret say.
import { createHmac, randomBytes } from 'node:crypto';

/** An authenticator's pseudo-random function, and what a browser makes of it for a page. */
export class Authenticator {
  readonly credentialId = new Uint8Array(randomBytes(40));
  readonly #key = randomBytes(32);

  answer({ first, second }: { first: Uint8Array; second: Uint8Array }): Uint8Array {
    return new Uint8Array(Buffer.concat([first, second].map((input) => this.#function(input))));
  }

  /** Runs something with this authenticator as the only one of a browser. */
  async inBrowser(act: () => Promise<void>): Promise<void> {
    const get = async ({ publicKey }: { publicKey: PublicKey }) => ({
      getClientExtensionResults: () => {
        const { first, second } = publicKey.extensions.prf.eval;
        return { prf: { results: { first: this.#function(first), second: this.#function(second) } } };
      },
    });
    Object.defineProperty(navigator, 'credentials', { value: { get }, configurable: true });
    try {
      await act();
    } finally {
      Reflect.deleteProperty(navigator, 'credentials');
    }
  }

  /** A site's inputs do not reach the function as they are. */
  #function(input: Uint8Array): Uint8Array {
    const salted = createHmac('sha256', 'WebAuthn PRF').update(input).digest();
    return new Uint8Array(createHmac('sha256', this.#key).update(salted).digest());
  }
}

interface PublicKey {
  readonly extensions: { readonly prf: { readonly eval: { first: Uint8Array; second: Uint8Array } } };
}
