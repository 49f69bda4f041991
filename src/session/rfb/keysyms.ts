// Characters and key names as X keysyms.

/** The left shift key. */
export const SHIFT = 0xffe1;

const SHIFTED = new Set('ABCDEFGHIJKLMNOPQRSTUVWXYZ~!@#$%^&*()_+{}|:"<>?');

const CONTROL_CHARACTERS: Readonly<Record<string, number>> = {
  '\b': 0xff08,
  '\t': 0xff09,
  '\n': 0xff0d,
  '\r': 0xff0d,
  '\u001b': 0xff1b,
  '\u007f': 0xffff,
};

const KEY_NAMES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    backspace: 0xff08,
    tab: 0xff09,
    enter: 0xff0d,
    escape: 0xff1b,
    space: 0x20,
    delete: 0xffff,
    home: 0xff50,
    left: 0xff51,
    up: 0xff52,
    right: 0xff53,
    down: 0xff54,
    pageup: 0xff55,
    pagedown: 0xff56,
    end: 0xff57,
    insert: 0xff63,
    menu: 0xff67,
    plus: 0x2b,
    shift: SHIFT,
    ctrl: 0xffe3,
    alt: 0xffe9,
    super: 0xffeb,
  }),
);

/** A key to press, and whether shift must be held for it on a US keyboard. */
export interface Key {
  readonly keysym: number;
  readonly needsShift: boolean;
}

/** The key of one character. Throws TypeError for a control character that no key stands for. */
export function keyOfCharacter(character: string): Key {
  const control = CONTROL_CHARACTERS[character];
  if (control !== undefined) return { keysym: control, needsShift: false };
  const codePoint = character.codePointAt(0);
  if (codePoint === undefined || codePoint < 0x20 || (codePoint > 0x7e && codePoint < 0xa0)) {
    throw new TypeError(`no key types the character ${JSON.stringify(character)}`);
  }
  const keysym = codePoint <= 0xff ? codePoint : 0x0100_0000 + codePoint;
  return { keysym, needsShift: SHIFTED.has(character) };
}

/**
 * The keysyms of a chord such as `ctrl+a`, `alt+F4` or `ctrl+shift+plus`, in the order in which they go down.
 * Throws TypeError for a name that is no key.
 */
export function keysymsOfChord(chord: string): readonly number[] {
  return chord.split('+').map((part) => {
    const name = part.toLowerCase();
    const named = KEY_NAMES.get(name);
    if (named !== undefined) return named;
    const functionKey = /^f([1-9]|1[0-2])$/.exec(name);
    if (functionKey !== null) return 0xffbd + Number(functionKey[1]);
    if ([...part].length !== 1) throw new TypeError(`no key is called ${JSON.stringify(part)}`);
    return keyOfCharacter(part).keysym;
  });
}
