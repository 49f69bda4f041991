// Text from elsewhere (object names at home, what ssh or apt said, what is in a session) made harmless to a terminal.

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g;

/**
 * The text with every control character but the line feed as `\u001b`, so that it can neither steer a terminal nor
 * overwrite what stands there. In JSON this changes the spelling, not the meaning.
 */
export function printable(text: string): string {
  return text.replace(CONTROLS, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** As {@link printable}, on one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n');
}

/** As {@link printable}; lines after the first are indented, so that none of them looks like one that deskpod begins. */
export function printableBlock(text: string): string {
  return printable(text).replaceAll('\n', '\n    ');
}
