// The paths of objects in a repository: every object's path ends with the hash that names it.

/**
 * `KIND/HASH`, with the first two digits of the hash as a folder between if the kind has many objects, a number before the
 * hash if its objects are ordered, and a suffix. Which kinds there are is not asked: a home keeps those of later versions.
 */
const OBJECT_PATH =
  /^(?<kind>[a-z]{1,32})\/(?:(?<digits>[0-9a-f]{2})\/)?(?:\d{12}-)?(?<hash>[0-9a-f]{64})(?:\.[a-z]{1,16})?$/;

/** The SHA-256, in hexadecimal, that the bytes at this path below a repository must have; undefined if it is no object's. */
export function hashOfObjectPath(path: string): string | undefined {
  const { kind, digits, hash } = OBJECT_PATH.exec(path)?.groups ?? {};
  if (hash === undefined || kind === 'tmp') return undefined;
  return digits === undefined || hash.startsWith(digits) ? hash : undefined;
}
