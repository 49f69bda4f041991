// A manifest read run by run, for what it refers to: each run by itself, so that a run that two manifests share is read once.
import { ByteReader, concatBytes } from './bytes.ts';
import { decodeEntry, type ManifestEntry } from './manifest.ts';
import { readManifestHeader } from './manifest-frames.ts';

const HEADER_BYTES = 5;
/** An entry and the end are longer than this. */
const FRAME_BYTES = 8;

/** A place between two runs of a manifest. Equal places and equal runs give equal results. */
export interface ManifestPlace {
  readonly phase: 'header' | 'entries' | 'ended';
  /** The bytes of an entry that has begun and not ended. */
  readonly rest: Uint8Array;
}

/** What one run of a manifest's bytes completes. */
export interface ManifestRun {
  readonly after: ManifestPlace;
  readonly entries: readonly ManifestEntry[];
  /** How many entries the manifest says it has, if it ends here. */
  readonly announcedCount: number | undefined;
}

/** Where every manifest begins. */
export const MANIFEST_START: ManifestPlace = { phase: 'header', rest: new Uint8Array(0) };

/**
 * Reads the bytes that follow a place. Each entry is checked by itself; their order is not, as that depends on those
 * before: a restore checks it.
 * @throws DeskPodError MANIFEST_DAMAGED, FORMAT_UNKNOWN
 */
export function readManifestRun(before: ManifestPlace, run: Uint8Array): ManifestRun {
  const bytes = before.rest.length === 0 ? run : concatBytes([before.rest, run]);
  const reader = new ByteReader(bytes, 'MANIFEST_DAMAGED', 'manifest');
  const entries: ManifestEntry[] = [];
  let { phase } = before;
  let announcedCount: number | undefined;
  if (phase === 'header' && reader.remaining >= HEADER_BYTES) {
    readManifestHeader(reader);
    phase = 'entries';
  }
  while (phase === 'entries' && reader.remaining >= FRAME_BYTES) {
    const length = reader.u32();
    if (length === 0) {
      announcedCount = reader.u32();
      phase = 'ended';
    } else if (reader.remaining < length) {
      reader.rewind(4);
      break;
    } else
      entries.push(decodeEntry(new ByteReader(reader.take(length), 'MANIFEST_DAMAGED', 'manifest entry')));
  }
  if (phase === 'ended') reader.end();
  // a copy: a view would keep the whole run
  return { after: { phase, rest: bytes.slice(reader.offset) }, entries, announcedCount };
}
