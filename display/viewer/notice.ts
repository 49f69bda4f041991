// What has to be known beside the desktop: it stands there until it is put away, or is no more so.

import { elementOf } from '../shared/element.ts';

/** The strip under the bar. */
export class Notice {
  readonly #strip = elementOf('notice', HTMLElement);
  readonly #text = elementOf('notice-text', HTMLElement);
  #putAway: string | undefined;

  constructor() {
    elementOf('notice-button', HTMLButtonElement).addEventListener('click', () => {
      this.#putAway = this.#text.textContent;
      this.#strip.hidden = true;
    });
  }

  /** Shows a text in place of the one before, unless it was put away already; undefined takes it away. */
  show(text: string | undefined): void {
    if (text === undefined) this.#putAway = undefined;
    this.#strip.hidden = text === undefined || text === this.#putAway;
    this.#text.textContent = text ?? '';
  }
}
