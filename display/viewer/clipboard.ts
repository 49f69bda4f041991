// The clipboard between desktop and browser: by itself where the browser lets it, through a text field anywhere.

/** Joins the field and the browser's clipboard to the desktop's. */
export class Clipboard {
  readonly #field: HTMLTextAreaElement;
  readonly #give: (text: string) => void;
  #lastText = '';

  /** `field` shows the desktop's text and takes new text; `give` puts text on the desktop's clipboard. */
  constructor(field: HTMLTextAreaElement, give: (text: string) => void) {
    this.#field = field;
    this.#give = give;
    field.addEventListener('input', () => this.#offer(field.value));
    addEventListener('focus', () => void this.#offerFromBrowser());
  }

  /** The desktop has put text on its clipboard. */
  async take(text: string): Promise<void> {
    this.#lastText = text;
    this.#field.value = text;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // The browser allows it only to a page that has the focus: the field has the text all the same.
      this.#field.dataset.onlyHere = 'true';
    }
  }

  /** Only with a right that was given before: asking for it each time the window is entered would be a nuisance. */
  async #offerFromBrowser(): Promise<void> {
    const right = await queryRight();
    if (right !== 'granted') return;
    this.#offer(await navigator.clipboard.readText().catch(() => this.#lastText));
  }

  #offer(text: string): void {
    if (text === this.#lastText) return;
    this.#lastText = text;
    this.#field.value = text;
    this.#give(text);
  }
}

async function queryRight(): Promise<PermissionState | 'unknown'> {
  try {
    return (await navigator.permissions.query({ name: 'clipboard-read' as PermissionName })).state;
  } catch {
    return 'unknown'; // Firefox has no such right to ask about
  }
}
