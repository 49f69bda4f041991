// Where keys are typed: an invisible text field, so that dead keys, input methods and keyboards on the screen work.

const RETURN = 0xff0d;
const BACKSPACE = 0xff08;
/** What is deleted must be there first, or a keyboard on the screen does not say so. */
const FILLING = ' ';

/** What a key field gives on. */
export interface KeyTarget {
  /** Takes the keys themselves, as events; undefined while there is no display. */
  readonly element: HTMLElement | undefined;
  /** Presses and releases the key of an X11 keysym. */
  press(keysym: number): void;
}

/**
 * Joins the field to the display. Keys that mean something by themselves go on as they are; what the browser composes of
 * several (a circumflex, then an e) goes on as text: of a dead key a page hears only that it was one.
 */
export function joinKeys(field: HTMLTextAreaElement, target: KeyTarget): void {
  let isComposing = false;
  const forward = (event: KeyboardEvent): void => {
    if (target.element?.dispatchEvent(copyOf(event)) === false) event.preventDefault();
  };
  const clear = (): void => {
    field.value = FILLING;
    field.setSelectionRange(FILLING.length, FILLING.length);
  };
  const type = (text: string): void => {
    for (const character of text) target.press(keysymOf(character));
  };
  field.addEventListener('keydown', (event) => {
    if (!isComposed(event)) forward(event);
  });
  // Also while something is composed: Shift is held for many a dead key, and let go of before the next one. noVNC passes over
  // keys that it has not pressed.
  field.addEventListener('keyup', forward);
  field.addEventListener('compositionstart', () => {
    isComposing = true;
  });
  field.addEventListener('compositionend', ({ data }) => {
    isComposing = false;
    type(data);
    clear();
  });
  field.addEventListener('beforeinput', (event) => {
    if (isComposing || event.isComposing) return;
    event.preventDefault();
    if (event.inputType.startsWith('deleteContentBackward')) target.press(BACKSPACE);
    else if (event.inputType === 'insertLineBreak') target.press(RETURN);
    else if (event.inputType === 'insertText') type(event.data ?? '');
  });
  // Keys that are held while the keyboard goes elsewhere are released there: the display would never hear of it. noVNC
  // lets go of all keys when the window loses the keyboard.
  field.addEventListener('blur', () => window.dispatchEvent(new Event('blur')));
  clear();
}

/** True for keys that are a part of what the browser composes, or come from a keyboard that names no keys. */
function isComposed({ isComposing, key, keyCode }: KeyboardEvent): boolean {
  return isComposing || key === 'Dead' || key === 'Process' || key === 'Unidentified' || keyCode === 229;
}

function copyOf(event: KeyboardEvent): KeyboardEvent {
  const { key, code, location, repeat, ctrlKey, shiftKey, altKey, metaKey } = event;
  return new KeyboardEvent(event.type, {
    ...{ key, code, location, repeat, ctrlKey, shiftKey, altKey, metaKey },
    modifierAltGraph: event.getModifierState('AltGraph'),
    modifierCapsLock: event.getModifierState('CapsLock'),
    modifierNumLock: event.getModifierState('NumLock'),
    cancelable: true,
  });
}

/** Latin-1 has its own keysyms, all else those of Unicode (X11 protocol, appendix A). */
function keysymOf(character: string): number {
  const codePoint = character.codePointAt(0) ?? 0;
  if (character === '\n') return RETURN;
  return codePoint < 0x100 ? codePoint : 0x01000000 + codePoint;
}
