// Asking for a new passkey: a page on localhost has an authenticator make it, and hears what became of it.

import { randomBytes } from 'node:crypto';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { PasskeyRequest } from '../../core/passkey-slot.ts';
import { PASSKEY_NONCE_BYTES, PRF_BYTES } from '../../sync/age/age-passkey.ts';
import { prfRequestOf } from '../../sync/keyring/passkeys.ts';
import type { NewPasskey } from '../../sync/pod/change-keys.ts';
import { toWireError } from '../supervisor/wire.ts';
import { LOOPBACK_NAME } from '../viewer/loopback.ts';
import { type Listener, type PageService, servePage } from './page-server.ts';
import type { AskingLine, MadePasskey, PasskeyLine } from './passkey-line.ts';
import { isText, objectOf } from './unlock-wish.ts';

/** Somebody has to open the link, and to find the authenticator. */
const FIRST_PATIENCE_MS = 10 * 60_000;
/** A page that is loaded anew comes back before. */
const AWAY_PATIENCE_MS = 10_000;
const CREDENTIAL_ID = /^(?:[0-9a-f]{2}){1,1023}$/;
const PRF = new RegExp(`^[0-9a-f]{${PRF_BYTES * 2}}$`);

/** What the page is told of the pod. */
export interface PasskeyQuestion {
  readonly podName: string;
  readonly label: string;
  readonly known: readonly PasskeyRequest[];
  /** Given the page's one-time address, once it can be opened. */
  readonly onUrl: (url: string) => void;
}

/**
 * Serves the page until a passkey was made and taken, or nobody is there any more.
 *
 * @param take gives the pod its slot
 * @returns what `take` returned
 * @throws DeskPodError CANCELLED if the page was left; VIEWER_FAILED; what `take` throws
 */
export async function askForPasskey<Report>(
  { onUrl, ...question }: PasskeyQuestion,
  take: (passkey: NewPasskey) => Promise<Report>,
): Promise<Report> {
  const nonce = new Uint8Array(randomBytes(PASSKEY_NONCE_BYTES));
  const asking = { state: 'asking', ...question, rpId: LOOPBACK_NAME, ...prfRequestOf(nonce) } as const;
  const inquiry = new Inquiry(asking);
  const page = await servePage({ page: 'passkey', command: 'deskpod keys add --passkey' }, inquiry);
  try {
    onUrl(page.url);
    const { credentialId, transports, prf } = await inquiry.made;
    const { rpId, label } = asking;
    const report = await take({ credentialId, transports, prf, nonce: toHex(nonce), rpId, label });
    await inquiry.end({ state: 'done', label });
    return report;
  } catch (error) {
    const { code, message, hint } = toWireError(error);
    const fault = { code, message, ...(hint === undefined ? {} : { hint }) };
    await inquiry.end({ state: 'failed', fault });
    throw error;
  } finally {
    await page.close();
  }
}

/** Answers the pages. */
class Inquiry implements PageService {
  readonly wishes = {
    made: (json: unknown) => this.#take(parseMade(json)),
    cancel: () => this.#giveUp('the page was told not to'),
  };
  readonly #listeners = new Set<Listener>();
  readonly #made = Promise.withResolvers<MadePasskey>();
  #line: PasskeyLine;
  #timer: NodeJS.Timeout;

  constructor(asking: AskingLine) {
    this.#line = asking;
    this.#timer = setTimeout(() => this.#giveUp('nobody opened the page'), FIRST_PATIENCE_MS).unref();
    // it may be given up before anybody waits for it
    this.#made.promise.catch(() => undefined);
  }

  /** What the authenticator made. @throws DeskPodError CANCELLED */
  get made(): Promise<MadePasskey> {
    return this.#made.promise;
  }

  listen(listener: Listener): () => void {
    clearTimeout(this.#timer);
    this.#listeners.add(listener);
    listener.tell(this.#line);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#timer = setTimeout(() => this.#giveUp('the page was closed'), AWAY_PATIENCE_MS).unref();
    };
  }

  /** Tells all pages how it ended. */
  async end(line: PasskeyLine): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.end(line)));
    clearTimeout(this.#timer);
  }

  #take(made: MadePasskey): string | undefined {
    if (this.#line.state !== 'asking') return 'A passkey was made already.';
    this.#line = { state: 'taking' };
    for (const listener of this.#listeners) listener.tell(this.#line);
    this.#made.resolve(made);
    return undefined;
  }

  #giveUp(why: string): undefined {
    this.#made.reject(
      new DeskPodError('CANCELLED', `no passkey was made: ${why}`, { hint: 'Run the command again.' }),
    );
  }
}

function parseMade(json: unknown): MadePasskey {
  const { credentialId, transports, prf } = objectOf(json);
  const isMade =
    isText(credentialId) &&
    CREDENTIAL_ID.test(credentialId) &&
    isText(prf) &&
    PRF.test(prf) &&
    Array.isArray(transports) &&
    transports.every(isText);
  if (!isMade) throw new TypeError('expected a passkey');
  return { credentialId, transports: transports as string[], prf };
}
