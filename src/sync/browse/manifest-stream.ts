// A manifest out of the repository, as a stream of entries.
import { EncodedEntry } from '../../core/encoded-entry.ts';
import { ManifestDecoder, type ManifestEntry } from '../../core/manifest.ts';
import { ManifestFrames } from '../../core/manifest-frames.ts';
import { comparePaths, isWithin } from '../../core/path-order.ts';
import type { Root } from '../../core/root.ts';
import type { ContentReader } from '../files/content-reader.ts';

/** What reading a manifest needs. */
export type ManifestReader = Pick<ContentReader, 'readRoot'>;

/**
 * The entries under a root, in order, as many at a time as a chunk brings.
 * @throws DeskPodError MANIFEST_DAMAGED, and what `reader` throws
 */
export async function* readManifest(
  reader: ManifestReader,
  root: Root,
): AsyncGenerator<readonly ManifestEntry[]> {
  const decoder = new ManifestDecoder();
  for await (const piece of reader.readRoot(root)) {
    const entries = decoder.push(piece);
    if (entries.length > 0) yield entries;
  }
  decoder.end();
}

/**
 * Like {@link readManifest}, with the entries as they stand there: nothing of what they say is checked, nor their order.
 * @throws DeskPodError MANIFEST_DAMAGED, and what `reader` throws
 */
export async function* readEncodedManifest(
  reader: ManifestReader,
  root: Root,
): AsyncGenerator<readonly EncodedEntry[]> {
  const frames = new ManifestFrames();
  for await (const piece of reader.readRoot(root)) {
    const entries = frames.push(piece);
    if (entries.length > 0) yield entries.map((bytes) => new EncodedEntry(bytes));
  }
  frames.end();
}

/** The entries of `manifest` at `path` and in it; no more is read than up to there. The empty path is everything. */
export async function* entriesAt<E extends Pick<ManifestEntry, 'path'>>(
  manifest: AsyncIterable<readonly E[]>,
  path: Uint8Array,
): AsyncGenerator<readonly E[]> {
  for await (const entries of manifest) {
    if (path.length === 0) {
      yield entries;
      continue;
    }
    const found = entries.filter((entry) => isAt(entry.path, path));
    if (found.length > 0) yield found;
    const last = entries.at(-1);
    if (last !== undefined && comparePaths(last.path, path) > 0 && !isWithin(last.path, path)) return;
  }
}

/** True if `path` is `place` or lies in it. */
function isAt(path: Uint8Array, place: Uint8Array): boolean {
  return comparePaths(path, place) === 0 || isWithin(path, place);
}
