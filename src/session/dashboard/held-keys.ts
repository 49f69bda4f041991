// The passphrases of unlocked pods, in this process's memory and for a while only; and who may try how often.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';

/** Wrong passphrases that are taken in a row before a wait. */
const TRIES_MAX = 5;
const WAIT_MS = 60_000;
const WRONG = ['PASSPHRASE_WRONG', 'KEYRING_NO_IDENTITY'] as const;

interface Held {
  readonly credential: Credential;
  lockAtMs: number;
  timer: NodeJS.Timeout;
}

/** What a dashboard holds of pods, by place. */
export class HeldKeys {
  readonly #idleMs: number;
  readonly #onLock: (id: string) => void;
  readonly #held = new Map<string, Held>();
  /** When the last wrong ones were tried, by place. */
  readonly #wrong = new Map<string, number[]>();
  /** The last try at each place that is not over. */
  readonly #trying = new Map<string, Promise<unknown>>();

  /** `onLock` is told when the passphrase of a place was not used for `idleMs` and is forgotten. */
  constructor(idleMs: number, onLock: (id: string) => void) {
    this.#idleMs = idleMs;
    this.#onLock = onLock;
  }

  /**
   * Tries what opens the pod at a place, one try at that place after another, and keeps it if `check` takes it.
   * @throws DeskPodError UNLOCK_REFUSED after too many wrong ones; what `check` throws
   */
  tryOut<Result>(
    id: string,
    credential: Credential,
    check: (credential: Credential) => Promise<Result>,
  ): Promise<Result> {
    const tried = (this.#trying.get(id) ?? Promise.resolve()).then(async () => {
      this.#requirePatience(id);
      try {
        const result = await check(credential);
        this.#wrong.delete(id);
        this.#keep(id, credential);
        return result;
      } catch (error) {
        if (WRONG.some((code) => isDeskPodError(error, code))) this.#note(id);
        throw error;
      }
    });
    const over = tried
      .catch(() => undefined) // whoever tried is told
      .then(() => {
        if (this.#trying.get(id) === over) this.#trying.delete(id);
      });
    this.#trying.set(id, over);
    return tried;
  }

  /** What opens the pod at a place, which is in use from now on; undefined if it is locked. */
  use(id: string): Credential | undefined {
    const held = this.#held.get(id);
    if (held === undefined) return undefined;
    this.#keep(id, held.credential);
    return held.credential;
  }

  /** When the passphrase of a place will be forgotten; undefined if none is held. */
  lockAtMs(id: string): number | undefined {
    return this.#held.get(id)?.lockAtMs;
  }

  /** Forgets what opens the pod at a place. */
  forget(id: string): void {
    clearTimeout(this.#held.get(id)?.timer);
    this.#held.delete(id);
  }

  /** Forgets everything. */
  forgetAll(): void {
    for (const id of [...this.#held.keys()]) this.forget(id);
  }

  #keep(id: string, credential: Credential): void {
    this.forget(id);
    const timer = setTimeout(() => {
      this.#held.delete(id);
      this.#onLock(id);
    }, this.#idleMs);
    timer.unref();
    this.#held.set(id, { credential, timer, lockAtMs: Date.now() + this.#idleMs });
  }

  #requirePatience(id: string): void {
    const now = performance.now();
    const recent = (this.#wrong.get(id) ?? []).filter((atMs) => now - atMs < WAIT_MS);
    this.#wrong.set(id, recent);
    const [first] = recent;
    if (first === undefined || recent.length < TRIES_MAX) return;
    const waitMs = Math.ceil(first + WAIT_MS - now);
    throw new DeskPodError('UNLOCK_REFUSED', `${TRIES_MAX} wrong passphrases were tried within a minute`, {
      hint: `Try again in ${Math.ceil(waitMs / 1000)} s.`,
      details: { waitMs },
    });
  }

  #note(id: string): void {
    this.#wrong.set(id, [...(this.#wrong.get(id) ?? []), performance.now()]);
  }
}
