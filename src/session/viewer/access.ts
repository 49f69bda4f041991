// Who may see the desktop: one-time links, the cookie they are exchanged for, and where requests come from.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const COOKIE = 'deskpod';
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{22,128}$/;

/** The headers of a request that say what it wants to reach and which page sent it. */
type RequestHead = Pick<IncomingMessage, 'headers'>;

/**
 * The rights to one viewer. A token opens once and is void then; the cookie that it brings lasts as long as the
 * browser's session. The page lives under a secret path (the room) and the cookie is bound to it, because browsers
 * send cookies to every port of a host, and another user of this host may listen on one.
 */
export class Access {
  /** The secret folder of the page, `/` at both ends. */
  readonly room = `/${randomSecret(16)}/`;
  readonly #cookie = randomSecret(32);
  readonly #tokenHashes = new Set<string>();
  readonly #host: string;

  /** `host` is the one value of the Host header that is right, `127.0.0.1:PORT`: any other name was rebound to us. */
  constructor(host: string) {
    this.#host = host;
  }

  /** Makes a token valid and returns it. Throws TypeError like {@link checkToken}. */
  issueToken(token = randomSecret(32)): string {
    checkToken(token);
    this.#tokenHashes.add(hash(token).toString('hex'));
    return token;
  }

  /** Uses a token up. True if it was valid until now. */
  redeem(token: string): boolean {
    return this.#tokenHashes.delete(hash(token).toString('hex'));
  }

  /** The Set-Cookie header for somebody who has redeemed a token. */
  get setCookie(): string {
    return `${COOKIE}=${this.#cookie}; Path=${this.room}; HttpOnly; SameSite=Strict`;
  }

  /** True if the request carries the cookie. */
  holdsCookie({ headers }: RequestHead): boolean {
    const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
    const expected = hash(`${COOKIE}=${this.#cookie}`);
    return pairs.some((pair) => timingSafeEqual(hash(pair), expected));
  }

  /** True if the request is for this host by its right name, and no page of another origin is behind it. */
  isOurs({ headers }: RequestHead): boolean {
    return headers.host === this.#host && (headers.origin === undefined || this.isOwnOrigin({ headers }));
  }

  /** True if a page of ours sent the request: WebSockets must show it. */
  isOwnOrigin({ headers }: RequestHead): boolean {
    return headers.host === this.#host && headers.origin === `http://${this.#host}`;
  }

  /** True unless the browser says that a page of another origin asks. */
  isDirect({ headers }: RequestHead): boolean {
    const site = headers['sec-fetch-site'];
    return site === undefined || site === 'same-origin' || site === 'none';
  }
}

/** Throws TypeError unless the token has 22 to 128 characters of base64url. */
export function checkToken(token: string): void {
  if (!TOKEN_PATTERN.test(token)) throw new TypeError('a viewer token has 22 to 128 characters of base64url');
}

function randomSecret(sizeBytes: number): string {
  return randomBytes(sizeBytes).toString('base64url');
}

/** Comparing hashes takes the same time whatever was guessed right. */
function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
