// All the bridges between viewers and the display, or its sound: who is admitted, and how all are ended.

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { type Bridge, CLOSE_CODE, joinDisplay } from './bridge.ts';

const DISPLAY_LIMIT = 8;

/** A WebSocket close reason has at most 123 bytes; 40 characters fit in any script. */
const REASON_LIMIT_CHARACTERS = 40;

/** What a viewer is told that could not be connected. */
interface Refusal {
  readonly code: number;
  /** At most 123 bytes. */
  readonly reason: string;
}

const NO_ANSWER: Refusal = { code: CLOSE_CODE.displayUnreachable, reason: 'the desktop does not answer' };

/** Connects viewers to the display while it admits them. */
export class Displays {
  readonly #connect: () => Promise<Duplex>;
  readonly #bridges = new Set<Bridge>();
  readonly #joining = new Set<Promise<void>>();
  readonly #refusal: Refusal;
  #isAdmitting = true;

  /** `connect` must settle in bounded time: {@link endAll} waits for it. */
  constructor(connect: () => Promise<Duplex>, refusal = NO_ANSWER) {
    this.#connect = connect;
    this.#refusal = refusal;
  }

  /** Takes a viewer's WebSocket and joins it to a display connection of its own. */
  add(viewer: WebSocket): void {
    viewer.pause(); // nothing is read before there is somebody to read it
    viewer.once('error', () => viewer.terminate());
    if (!this.#isAdmitting) {
      refuse(viewer, CLOSE_CODE.suspended, 'the desktop is suspended');
    } else if (this.#bridges.size + this.#joining.size >= DISPLAY_LIMIT) {
      refuse(viewer, CLOSE_CODE.tooMany, `more than ${DISPLAY_LIMIT} viewers`);
    } else {
      const joining = this.#join(viewer).finally(() => this.#joining.delete(joining));
      this.#joining.add(joining);
    }
  }

  /** Takes viewers again. */
  admit(): void {
    this.#isAdmitting = true;
  }

  /** Takes no more viewers and ends the ones there are; resolves when no connection to the display is left. */
  async endAll(code: number, reason: string): Promise<void> {
    this.#isAdmitting = false;
    await Promise.all(this.#joining);
    const bridges = [...this.#bridges];
    for (const bridge of bridges) bridge.end(code, reason.slice(0, REASON_LIMIT_CHARACTERS));
    await Promise.all(bridges.map((bridge) => bridge.closed));
  }

  async #join(viewer: WebSocket): Promise<void> {
    const display = await this.#connect().catch(() => undefined);
    if (display === undefined) {
      return refuse(viewer, this.#refusal.code, this.#refusal.reason);
    }
    const bridge = joinDisplay(viewer, display);
    this.#bridges.add(bridge);
    void bridge.closed.then(() => this.#bridges.delete(bridge));
    viewer.resume();
    if (viewer.readyState !== viewer.OPEN) bridge.end(CLOSE_CODE.viewerClosed, 'the viewer has gone');
  }
}

function refuse(viewer: WebSocket, code: number, reason: string): void {
  viewer.resume(); // a paused WebSocket would not see the answer to its close
  viewer.close(code, reason);
}
