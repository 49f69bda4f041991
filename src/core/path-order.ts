// Paths inside a pod: raw bytes, relative, in an order that puts a folder before what it holds.
const SLASH = 0x2f;
const DOT = 0x2e;

/** The longest path that Linux takes from a program, in bytes; deeper trees are walked by folder. */
const PATH_MAX_BYTES = 64 * 1024;

/**
 * Compares by components, each in raw byte order: a folder comes before its contents, and these before the folder's
 * later siblings.
 */
export function comparePaths(a: Uint8Array, b: Uint8Array): number {
  const shared = sharedLength(a, b);
  const left = a[shared];
  const right = b[shared];
  if (left === undefined || right === undefined) return a.length - b.length;
  // a component that ends is before one that goes on
  if (left === SLASH) return -1;
  if (right === SLASH) return 1;
  return left - right;
}

/** How many bytes both begin with. */
export function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/**
 * What is wrong with a path, or undefined if it is relative, without empty, `.` or `..` components and without NUL. Its first
 * `knownBytes` begin another path of which that is known.
 */
export function pathFault(path: Uint8Array, knownBytes = 0): string | undefined {
  if (path.length > PATH_MAX_BYTES) return `a path of ${path.length} bytes`;
  // the component in which they part is looked at as a whole
  let start = knownBytes === 0 ? 0 : path.lastIndexOf(SLASH, knownBytes - 1) + 1;
  for (let i = start; i <= path.length; i++) {
    if (i < path.length && path[i] === 0) return 'a NUL in a path';
    if (i < path.length && path[i] !== SLASH) continue;
    const length = i - start;
    if (length === 0) return 'an empty path component';
    if (length === 1 && path[start] === DOT) return 'the path component "."';
    if (length === 2 && path[start] === DOT && path[start + 1] === DOT) return 'the path component ".."';
    start = i + 1;
  }
  return undefined;
}

/** True if `path` lies directly in `folder`; the empty path is the folder that holds everything. */
export function isDirectlyIn(path: Uint8Array, folder: Uint8Array): boolean {
  if (!isWithin(path, folder)) return false;
  return path.indexOf(SLASH, folder.length === 0 ? 0 : folder.length + 1) === -1;
}

/** True if `path` lies in `folder` at any depth. */
export function isWithin(path: Uint8Array, folder: Uint8Array): boolean {
  if (folder.length === 0) return path.length > 0;
  if (path.length <= folder.length || path[folder.length] !== SLASH) return false;
  for (let i = 0; i < folder.length; i++) if (path[i] !== folder[i]) return false;
  return true;
}
