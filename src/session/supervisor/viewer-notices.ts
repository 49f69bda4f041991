// What whoever looks at the desktop has to know, each thing for as long as it is so.

/** What it is about. */
export type NoticeAbout = 'suspend' | 'twin' | 'history';

/** The notices that stand, of which a viewer that is opened later is told, too. */
export class ViewerNotices {
  readonly #standing = new Map<NoticeAbout, string>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Replaces what was to be known of that; undefined if nothing is any more. */
  set(about: NoticeAbout, notice: string | undefined): void {
    if (notice === undefined) this.#standing.delete(about);
    else this.#standing.set(about, notice);
    this.#onChange();
  }

  /** All of them, a line for each; undefined if there is none. */
  get text(): string | undefined {
    return this.#standing.size === 0 ? undefined : [...this.#standing.values()].join('\n');
  }
}
