// Paths as bytes: names on Linux need not be UTF-8.

const SLASH = 0x2f;

/** A path's bytes; a string is taken as UTF-8. */
export function pathBytes(path: Uint8Array | string): Buffer {
  return typeof path === 'string'
    ? Buffer.from(path)
    : Buffer.from(path.buffer, path.byteOffset, path.length);
}

/** One character for each byte: equal paths, equal keys. */
export function pathKey(path: Uint8Array): string {
  return pathBytes(path).toString('latin1');
}

/** `folder/relative`, or the folder itself if `relative` is empty. */
export function joinPath(folder: Uint8Array, relative: Uint8Array): Buffer {
  if (relative.length === 0) return pathBytes(folder);
  const joined = Buffer.allocUnsafe(folder.length + 1 + relative.length);
  joined.set(folder);
  joined[folder.length] = SLASH;
  joined.set(relative, folder.length + 1);
  return joined;
}

/** A path for people: UTF-8, with `\xff` for bytes that are not and for control characters, which could steer a terminal. */
export function displayPath(path: Uint8Array | string): string {
  const bytes = pathBytes(path);
  const text = bytes.toString();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (!/[\u0000-\u001f\u007f-\u009f\ufffd]/.test(text)) return text;
  let shown = '';
  for (const byte of bytes)
    shown +=
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  return shown;
}
