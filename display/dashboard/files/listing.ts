// The entries of a folder in a checkpoint, as they come; a folder may hold a hundred thousand.
import { useEffect, useReducer, useRef } from 'preact/hooks';
import type { PageStreams } from '../../../src/session/dashboard/contract.ts';
import { bytesOf, nameOf, partsOf, reportOf, shownPath } from '../byte-path.ts';
import { read } from '../link/api.ts';
import { type Failure, failureOf, isAborted } from '../link/failure.ts';

type Report = PageStreams['ls']['item'];

/** One entry, with no more than is shown of it. */
export interface ListedEntry {
  readonly name: string;
  readonly path: Uint8Array;
  readonly kind: Report['kind'];
  readonly sizeBytes: number | undefined;
  readonly modifiedMs: number;
  /** As `ls -l` writes it. */
  readonly mode: string;
  /** Where a link leads. */
  readonly target: string | undefined;
}

/** A folder, as far as it was read. */
export interface Listing {
  /** Folders first, then by name. */
  readonly entries: readonly ListedEntry[];
  readonly isWhole: boolean;
  /** The path is no folder: the one entry is what it is itself. */
  readonly isItself: boolean;
  readonly failure: Failure | undefined;
}

const SHOW_EVERY_MS = 250;
const NS_IN_MS = 1_000_000n;
const COLLATOR = new Intl.Collator('en', { numeric: true });

/** Reads a folder anew when it, or the checkpoint, is another. */
export function useListing(pod: string, checkpoint: number, path: Uint8Array, revision: string): Listing {
  const [, show] = useReducer<number, void>((count) => count + 1, 0);
  const { path: shown, pathBase64 } = reportOf(path);
  const key = `${pod}/${checkpoint}/${pathBase64 ?? shown}/${revision}`;
  const current = useRef({ key: '', listing: NOTHING });
  useEffect(() => {
    const entries: ListedEntry[] = [];
    const control = new AbortController();
    let shownAtMs = performance.now();
    const put = (rest: Partial<Listing>): void => {
      const isItself = entries.length === 1 && isSame(entries[0]?.path, path);
      current.current = { key, listing: { ...NOTHING, entries: sorted(entries), isItself, ...rest } };
      show();
    };
    const work = async (): Promise<void> => {
      try {
        const request = { checkpoint, at: reportOf(path), isRecursive: false };
        await read(
          pod,
          'ls',
          request,
          (items) => {
            for (const item of items) entries.push(entryOf(item));
            if (performance.now() - shownAtMs < SHOW_EVERY_MS) return;
            shownAtMs = performance.now();
            put({});
          },
          control.signal,
        );
        put({ isWhole: true });
      } catch (thrown) {
        if (control.signal.aborted || isAborted(thrown)) return;
        put({ failure: failureOf(thrown) });
      }
    };
    void work();
    return () => control.abort();
  }, [key]);
  return current.current.key === key ? current.current.listing : NOTHING;
}

const NOTHING: Listing = { entries: [], isWhole: false, isItself: false, failure: undefined };

function sorted(entries: readonly ListedEntry[]): readonly ListedEntry[] {
  return entries.toSorted((one, other) => {
    const folders = Number(other.kind === 'directory') - Number(one.kind === 'directory');
    return folders === 0 ? COLLATOR.compare(one.name, other.name) : folders;
  });
}

function entryOf(report: Report): ListedEntry {
  const path = bytesOf(report);
  const { kind, sizeBytes, mtimeNs, mode, target } = report;
  return {
    name: shownPath(nameOf(path)),
    path,
    kind,
    sizeBytes,
    modifiedMs: Number(BigInt(mtimeNs) / NS_IN_MS),
    mode: modeText(mode),
    target,
  };
}

/** `rwxr-xr-x`. */
export function modeText(mode: number): string {
  const letters = Array.from('rwxrwxrwx', (letter, place) => ((mode >> (8 - place)) & 1 ? letter : '-'));
  const special = [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const;
  for (const [bit, place, letter] of special)
    if (mode & bit) letters[place] = letters[place] === 'x' ? letter : letter.toUpperCase();
  return letters.join('');
}

function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
  if (one === undefined || partsOf(one).length !== partsOf(other).length) return false;
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
