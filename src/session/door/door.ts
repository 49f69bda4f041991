// The door of a pod whose session does not run: takes a key from a page, starts the session, and leads the page to its viewer.

import type { PasskeyRequest } from '../../core/passkey-slot.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { toWireError } from '../supervisor/wire.ts';
import type { DoorFault, DoorLine, OpeningLine, PictureLine, UnlockWish, Way } from './door-line.ts';
import type { Listener, PageService } from './page-server.ts';
import { parseUnlockWish } from './unlock-wish.ts';

/** Whoever mistypes tries again at once; from the third wrong key on it takes longer each time. */
const FREE_TRIES = 3;
const FIRST_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 30_000;
const WRONG_KEY: ReadonlySet<string> = new Set(['PASSPHRASE_WRONG', 'KEYRING_NO_IDENTITY']);
/** What helps, where something does that needs nothing but a yes. */
const WAY_OUT: Readonly<Record<string, Way>> = { POD_IS_TWIN: 'promote', PROCESSOR_LACKING: 'fresh' };
/** Somebody has to open the link; a page that is loaded anew comes back before. */
export const DEFAULT_PATIENCE: Patience = { firstMs: 10 * 60_000, awayMs: 30_000 };

/** How long the door waits for a page. */
export interface Patience {
  /** For the first one: somebody has to open the link. */
  readonly firstMs: number;
  /** For another when all have gone. */
  readonly awayMs: number;
}

/** A session that was started. */
export interface OpenedDesktop {
  readonly warnings: readonly string[];
  /** Another one-time address of its viewer. */
  issueUrl(): Promise<string>;
}

/** What the door is told while a session is started. */
export interface OpeningListener {
  readonly onProgress: ProgressListener;
  /** A PNG in base64: what the screen showed when the session was suspended. */
  readonly onPicture: (pngBase64: string) => void;
}

/** What a door stands before. */
export interface DoorPlan {
  readonly place: string;
  readonly passkeys: readonly PasskeyRequest[];
  /** Starts the session. */
  readonly open: (wish: UnlockWish, listener: OpeningListener) => Promise<OpenedDesktop>;
  readonly patience?: Patience;
}

/** Answers the door's pages. */
export class Door implements PageService {
  readonly wishes = { unlock: (json: unknown) => this.#unlock(parseUnlockWish(json)) };
  readonly #plan: DoorPlan;
  readonly #patience: Patience;
  readonly #listeners = new Set<Listener>();
  readonly #ended = Promise.withResolvers<void>();
  #opening: OpeningLine | undefined;
  #picture: PictureLine | undefined;
  #opened: OpenedDesktop | undefined;
  /** A page was given an address of the viewer. */
  #hasLedOn = false;
  #fault: DoorFault | undefined;
  #wrongCount = 0;
  #closedUntilMs = 0;
  #timer: NodeJS.Timeout;

  constructor(plan: DoorPlan) {
    this.#plan = plan;
    this.#patience = plan.patience ?? DEFAULT_PATIENCE;
    // what serves the pages keeps the process, and no door that waits
    this.#timer = setTimeout(this.#ended.resolve, this.#patience.firstMs).unref();
  }

  /** Settles when the desktop is shown, or nobody is there any more. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  listen(listener: Listener): () => void {
    clearTimeout(this.#timer);
    this.#listeners.add(listener);
    if (this.#opened !== undefined) {
      void this.#leadOn(listener, this.#opened);
    } else {
      listener.tell(this.#line);
      if (this.#picture !== undefined) listener.tell(this.#picture);
    }
    return () => {
      this.#listeners.delete(listener);
      this.#settle();
    };
  }

  get #line(): DoorLine {
    if (this.#opening !== undefined) return this.#opening;
    const { place, passkeys } = this.#plan;
    const waitMs = Math.max(0, Math.ceil(this.#closedUntilMs - performance.now()));
    return {
      state: 'locked',
      place,
      passkeys,
      waitMs,
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
    };
  }

  #unlock(wish: UnlockWish): string | undefined {
    if (this.#opening !== undefined || this.#opened !== undefined) return 'It is being opened already.';
    if (performance.now() < this.#closedUntilMs) return 'Wait a moment before you try again.';
    this.#tell({ state: 'opening' });
    void this.#open(wish);
    return undefined;
  }

  async #open(wish: UnlockWish): Promise<void> {
    try {
      const opened = await this.#plan.open(wish, {
        onProgress: (progress) => this.#tell({ state: 'opening', progress }),
        onPicture: (pngBase64) => {
          this.#picture = { state: 'picture', pngBase64 };
          this.#tellAll(this.#picture);
        },
      });
      this.#opened = opened;
      for (const listener of this.#listeners) void this.#leadOn(listener, opened);
    } catch (error) {
      this.#refuse(error);
    }
    this.#settle();
  }

  #refuse(error: unknown): void {
    const { code, message, hint } = toWireError(error);
    if (WRONG_KEY.has(code)) {
      this.#wrongCount += 1;
      const waits = this.#wrongCount - FREE_TRIES;
      if (waits >= 0)
        this.#closedUntilMs = performance.now() + Math.min(FIRST_WAIT_MS * 2 ** waits, LONGEST_WAIT_MS);
    }
    const way = WAY_OUT[code];
    this.#fault = {
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(way === undefined ? {} : { way }),
    };
    this.#opening = undefined;
    this.#opened = undefined;
    this.#picture = undefined;
    this.#tellAll(this.#line);
  }

  #tell(line: OpeningLine): void {
    this.#opening = line;
    this.#fault = undefined;
    this.#tellAll(line);
  }

  #tellAll(line: DoorLine): void {
    for (const listener of this.#listeners) listener.tell(line);
  }

  async #leadOn(listener: Listener, { issueUrl, warnings }: OpenedDesktop): Promise<void> {
    try {
      const url = await issueUrl();
      this.#hasLedOn = true;
      await listener.end({ state: 'open', url, warnings } satisfies DoorLine);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** Without a page the door waits for another, unless the session is being started: that comes first. */
  #settle(): void {
    clearTimeout(this.#timer);
    if (this.#listeners.size > 0) return;
    if (this.#opened === undefined && this.#opening !== undefined) return;
    if (this.#hasLedOn) this.#ended.resolve();
    else this.#timer = setTimeout(this.#ended.resolve, this.#patience.awayMs).unref();
  }
}
