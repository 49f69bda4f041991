// Files that programs make again: nobody misses them, and they come and go by the thousand (`npm ci`, `git gc`, an emptied trash).

const SLASH = 0x2f;

/** The folders that such files lie in, each as a run of names. */
const MADE_AGAIN = [
  ['node_modules'],
  ['.cache'],
  ['__pycache__'],
  ['.git', 'objects'],
  ['Trash'],
  ['var', 'cache'],
].map((names) => new TextEncoder().encode(`/${names.join('/')}/`));

/** True for the path of a file that is made again. */
export function isMadeAgain(path: Uint8Array): boolean {
  return MADE_AGAIN.some((names) => passesThrough(path, names));
}

/** The same of one path after the other: only the folders above a file count, and most files lie in that of the last one. */
export class MadeAgain {
  /** The folder of the last file with its slash, or nothing. */
  #folder: Uint8Array = new Uint8Array(0);
  #isMadeAgain = false;

  has(path: Uint8Array): boolean {
    const folderLength = path.lastIndexOf(SLASH) + 1;
    if (folderLength !== this.#folder.length || !hasAt(path, 0, this.#folder, 0)) {
      this.#folder = path.slice(0, folderLength);
      this.#isMadeAgain = isMadeAgain(path);
    }
    return this.#isMadeAgain;
  }
}

/** True if the folders above a path include a run of names, which is given as `/a/b/`. */
function passesThrough(path: Uint8Array, names: Uint8Array): boolean {
  if (hasAt(path, 0, names, 1)) return true;
  for (let at = path.indexOf(SLASH); at >= 0; at = path.indexOf(SLASH, at + 1))
    if (hasAt(path, at, names, 0)) return true;
  return false;
}

/** True if what `run` has from `from` on stands at a place of the path. */
function hasAt(path: Uint8Array, at: number, run: Uint8Array, from: number): boolean {
  if (path.length - at < run.length - from) return false;
  for (let i = from; i < run.length; i++) if (path[at + i - from] !== run[i]) return false;
  return true;
}
