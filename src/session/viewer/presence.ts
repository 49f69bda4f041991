// Whether anybody looks: opened by the first viewer, closed when the last has been away for the grace time.

/** How a page went: it said so, or its connection broke: its browser has crashed, or was killed. */
export type Departure = 'left' | 'broke';

/** How long the last viewer may be away before that counts as a close, by how it went. */
export interface Graces {
  /** Loading a page anew takes less. */
  readonly leftMs: number;
  /** Whoever's browser crashed wants to find the desktop running. */
  readonly brokeMs: number;
}

/** What presence tells its owner. */
export interface PresenceEvents {
  readonly onOpen?: (() => void) | undefined;
  readonly onClose?: (() => void) | undefined;
}

/** Who looks, and for how long nobody has. */
export interface PresenceReport {
  /** Connections of viewers at the moment. */
  readonly viewerCount: number;
  /** The last viewer has gone, and nobody came yet; absent while nobody's leaving counts. */
  readonly away?: {
    readonly departure: Departure;
    /** By the host's clock. */
    readonly sinceMs: number;
    /** When it will count as a close, by the host's clock. */
    readonly closesAtMs: number;
  };
}

/** Counts viewers. A page that is loaded anew leaves and comes back within the grace time, which is no close. */
export class Presence {
  readonly #graces: Graces;
  readonly #events: PresenceEvents;
  #viewerCount = 0;
  #isOpen = false;
  #isHeld = false;
  #lastDeparture: Departure = 'left';
  #away: PresenceReport['away'];
  #timer: NodeJS.Timeout | undefined;

  constructor(graces: Graces, events: PresenceEvents) {
    this.#graces = graces;
    this.#events = events;
  }

  /** Who looks now. */
  get report(): PresenceReport {
    const away = this.#away;
    return { viewerCount: this.#viewerCount, ...(away === undefined ? {} : { away }) };
  }

  /**
   * A connection of a viewer has come; the returned function says, once, that it has gone. Of a page's connections one
   * knows how the page went: the others say nothing of it.
   */
  enter(): (departure?: Departure) => void {
    this.#viewerCount += 1;
    this.#settle();
    let hasGone = false;
    return (departure) => {
      if (hasGone) return;
      hasGone = true;
      this.#viewerCount -= 1;
      this.#lastDeparture = departure ?? this.#lastDeparture;
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
    this.#away = undefined;
    this.#isOpen = false;
    this.#isHeld = true;
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#away = undefined;
    if (this.#viewerCount > 0 && !this.#isOpen && !this.#isHeld) {
      this.#isOpen = true;
      this.#events.onOpen?.();
    }
    if (this.#viewerCount > 0 || !this.#isOpen || this.#isHeld) return;
    const departure = this.#lastDeparture;
    const graceMs = departure === 'left' ? this.#graces.leftMs : this.#graces.brokeMs;
    const sinceMs = Date.now();
    this.#away = { departure, sinceMs, closesAtMs: sinceMs + graceMs };
    this.#timer = setTimeout(() => {
      this.#away = undefined;
      this.#isOpen = false;
      this.#events.onClose?.();
    }, graceMs);
  }
}
