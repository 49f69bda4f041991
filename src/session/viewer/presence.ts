// Whether anybody looks: opened by the first viewer, closed when the last has been away for the grace time.

/** What presence tells its owner. */
export interface PresenceEvents {
  readonly onOpen?: (() => void) | undefined;
  readonly onClose?: (() => void) | undefined;
}

/** Counts viewers. A page that is loaded anew leaves and comes back within the grace time, which is no close. */
export class Presence {
  readonly #graceMs: number;
  readonly #events: PresenceEvents;
  #viewerCount = 0;
  #isOpen = false;
  #isHeld = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(graceMs: number, events: PresenceEvents) {
    this.#graceMs = graceMs;
    this.#events = events;
  }

  /** Connections of viewers at the moment. */
  get viewerCount(): number {
    return this.#viewerCount;
  }

  /** A connection of a viewer has come; the returned function says, once, that it has gone. */
  enter(): () => void {
    this.#viewerCount += 1;
    this.#settle();
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.#viewerCount -= 1;
      this.#settle();
    };
  }

  /** While held, nobody's leaving counts: we sent the viewers away ourselves. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#settle();
  }

  /** Forgets a close that is due. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isOpen = false;
    this.#isHeld = true;
  }

  #settle(): void {
    clearTimeout(this.#timer);
    if (this.#viewerCount > 0 && !this.#isOpen && !this.#isHeld) {
      this.#isOpen = true;
      this.#events.onOpen?.();
    }
    if (this.#viewerCount > 0 || !this.#isOpen || this.#isHeld) return;
    this.#timer = setTimeout(() => {
      this.#isOpen = false;
      this.#events.onClose?.();
    }, this.#graceMs);
  }
}
