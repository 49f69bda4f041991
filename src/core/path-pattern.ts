// Patterns of paths, in the grammar of a .gitignore line, over raw bytes: names on Linux need not be UTF-8.
import { DeskPodError } from './errors.ts';

const SLASH = 0x2f;
const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BACKSLASH = 0x5c;
const DASH = 0x2d;
const COLON = 0x3a;
const NOT = new Set([0x21, 0x5e]);

/** Matches one byte that is in the table; `undefined` any run of bytes. */
type Token = Uint8Array | undefined;
/** The tokens of one path component; `undefined` stands for any number of components. */
type Component = readonly Token[] | undefined;

/** Which bytes the POSIX classes hold; ASCII only, as in git. */
const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the class of control characters
  cntrl: /[\u0000-\u001f\u007f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t-\r ]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/**
 * A pattern: `*` is any run of bytes but `/`, `?` one byte, `[a-z]` `[!a-z]` `[[:digit:]]` one of a set, `\` takes the
 * next byte as it is. `**` (or more stars) between slashes is any number of folders. With a slash at its start or within it the pattern
 * counts from the top; without, it is the name of an entry at any depth. With a slash at its end it means folders only.
 */
export class PathPattern {
  /** As the user wrote it. */
  readonly text: string;
  readonly #components: readonly Component[];
  readonly #isFolderOnly: boolean;

  /**
   * @throws DeskPodError USAGE for an empty pattern, `!` at its start, a set that does not end, an unknown class, or a
   * backslash before a slash or the end
   */
  constructor(text: string) {
    this.text = text;
    let bytes: Uint8Array = new TextEncoder().encode(text);
    if (bytes[0] === 0x21) throw this.#broken('"!" has no meaning here; write \\! for a name that begins so');
    this.#isFolderOnly = bytes.length > 1 && bytes.at(-1) === SLASH;
    if (this.#isFolderOnly) bytes = bytes.subarray(0, -1);
    const isAnchored = bytes.includes(SLASH);
    if (bytes[0] === SLASH) bytes = bytes.subarray(1);
    if (bytes.length === 0) throw this.#broken('it names nothing');
    const components = split(bytes).map((component) => this.#parse(component));
    this.#components = isAnchored ? components : [undefined, ...components];
  }

  /** True if the pattern means this very entry; that it lies in a folder which is meant is for the caller to know. */
  matches(path: Uint8Array, isFolder: boolean): boolean {
    if (path.length === 0 || (this.#isFolderOnly && !isFolder)) return false;
    return this.#matchComponents(split(path));
  }

  /** Tokens that each take one component match; the last `**` passed takes one component more at every mismatch. */
  #matchComponents(names: readonly Uint8Array[]): boolean {
    const parts = this.#components;
    let part = 0;
    let retryPart = -1;
    let retryName = 0;
    for (let name = 0; name < names.length; ) {
      const component = parts[part];
      if (part < parts.length && component === undefined) {
        retryPart = part++;
        retryName = name;
        // at the end it stands for all that is in the folder, and something is left of the path
        if (part === parts.length) return true;
      } else if (component !== undefined && matchComponent(component, names[name] ?? EMPTY)) {
        part++;
        name++;
      } else if (retryPart >= 0) {
        part = retryPart + 1;
        name = ++retryName;
      } else return false;
    }
    return part === parts.length;
  }

  #parse(bytes: Uint8Array): Component {
    if (bytes.length >= 2 && bytes.every((byte) => byte === STAR)) return undefined;
    const tokens: Token[] = [];
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === STAR) {
        if (tokens.length === 0 || tokens.at(-1) !== undefined) tokens.push(undefined);
      } else if (byte === QUESTION) tokens.push(new Uint8Array(256).fill(1));
      else if (byte === OPEN) {
        const { set, end } = this.#parseSet(bytes, at);
        tokens.push(set);
        at = end;
      } else {
        if (byte === BACKSLASH) at++;
        tokens.push(setOf(this.#byteAt(bytes, at)));
      }
    }
    return tokens;
  }

  /** The set that opens at `start`; `end` is where its bracket closes. */
  #parseSet(bytes: Uint8Array, start: number): { set: Uint8Array; end: number } {
    const set = new Uint8Array(256);
    let at = start + 1;
    const isNegated = NOT.has(bytes[at] ?? 0);
    if (isNegated) at++;
    /** What a range may begin with. */
    let from: number | undefined;
    const first = at;
    for (; at === first || bytes[at] !== CLOSE; at++) {
      const byte = this.#byteAt(bytes, at);
      const next = bytes[at + 1];
      if (byte === DASH && from !== undefined && next !== undefined && next !== CLOSE) {
        at += next === BACKSLASH ? 2 : 1;
        set.fill(1, from, Math.max(from, this.#byteAt(bytes, at) + 1));
        from = undefined;
      } else if (byte === OPEN && next === COLON && this.#isClass(bytes, at)) {
        const end = bytes.indexOf(CLOSE, at + 2);
        this.#addClass(set, String.fromCharCode(...bytes.subarray(at + 2, end - 1)));
        at = end;
        from = undefined;
      } else {
        if (byte === BACKSLASH) at++;
        from = this.#byteAt(bytes, at);
        set[from] = 1;
      }
    }
    return { set: isNegated ? set.map((one) => 1 - one) : set, end: at };
  }

  #isClass(bytes: Uint8Array, at: number): boolean {
    const end = bytes.indexOf(CLOSE, at + 2);
    if (end === -1) throw this.#broken('a set does not end');
    return end > at + 2 && bytes[end - 1] === COLON;
  }

  #addClass(set: Uint8Array, name: string): void {
    const members = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
    if (members === undefined) throw this.#broken(`there is no class [:${name}:]`);
    for (let byte = 0; byte < 128; byte++) if (members.test(String.fromCharCode(byte))) set[byte] = 1;
  }

  #byteAt(bytes: Uint8Array, at: number): number {
    const byte = bytes[at];
    if (byte === undefined)
      throw this.#broken(
        bytes.includes(OPEN) ? 'a set does not end' : 'a backslash has nothing after it to take',
      );
    return byte;
  }

  #broken(why: string): DeskPodError {
    return new DeskPodError('USAGE', `pattern "${this.text}": ${why}`, {
      hint: 'Patterns are written as in .gitignore: *.txt, /folder/**/name, [0-9]?; a backslash takes the next character as it is.',
      details: { pattern: this.text },
    });
  }
}

const EMPTY = new Uint8Array(0);

/** As for components: the last `*` passed takes one byte more at every mismatch. */
function matchComponent(tokens: readonly Token[], name: Uint8Array): boolean {
  let token = 0;
  let retryToken = -1;
  let retryAt = 0;
  for (let at = 0; at < name.length; ) {
    const set = tokens[token];
    if (token < tokens.length && set === undefined) {
      retryToken = token++;
      retryAt = at;
    } else if (set !== undefined && set[name[at] ?? 0] === 1) {
      token++;
      at++;
    } else if (retryToken >= 0) {
      token = retryToken + 1;
      at = ++retryAt;
    } else return false;
  }
  while (token < tokens.length && tokens[token] === undefined) token++;
  return token === tokens.length;
}

function setOf(byte: number): Uint8Array {
  const set = new Uint8Array(256);
  set[byte] = 1;
  return set;
}

function split(path: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let end = path.indexOf(SLASH); end !== -1; end = path.indexOf(SLASH, start)) {
    parts.push(path.subarray(start, end));
    start = end + 1;
  }
  parts.push(path.subarray(start));
  return parts;
}
