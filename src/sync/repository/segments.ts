// Segments in a repository: runs of the log, sealed, and the chain read back from them.
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { LogRecord } from '../../core/record.ts';
import { decodeSegment, encodeSegment, type LogIdentity, type Segment } from '../../core/segment.ts';
import { open, recipientOf, seal } from '../age/age.ts';
import { hashing } from '../hashing.ts';
import type { PutObject, Repository } from './repository.ts';

/** The secrets that segments need, of those in the keyring. */
export interface SegmentSecrets {
  readonly identity: string;
  readonly logKey: Uint8Array;
}

/** A record by its place and content. */
export interface RecordPosition {
  readonly seq: number;
  /** SHA-256 of its body. */
  readonly recordHash: Uint8Array;
}

/** The last record that a repository holds of one log. */
export interface LogTip extends LogIdentity, RecordPosition {}

/**
 * Seals records, which must follow one another and end with an append, as a segment that `identity` (the pod's) opens.
 * Throws SPACE_EXHAUSTED.
 */
export async function sealSegment(
  repository: Repository,
  log: LogIdentity,
  records: readonly LogRecord[],
  identity: string,
): Promise<PutObject> {
  const plaintext = encodeSegment(log, records);
  const firstSeq = records[0]?.seq ?? 0;
  const sealed = await seal(plaintext, { recipient: await recipientOf(identity) });
  return repository.putObject('segments', sealed, { firstSeq });
}

/**
 * Every segment of a repository, verified, by first seq. Throws OBJECT_DAMAGED, SEGMENT_DAMAGED or RECORD_DAMAGED with
 * the segment's name.
 */
export async function readSegments(repository: Repository, secrets: SegmentSecrets): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of await repository.listObjects('segments')) {
    segments.push(await readSegment(repository, name, secrets));
  }
  return segments;
}

/** One segment, verified. Throws OBJECT_MISSING, OBJECT_DAMAGED, SEGMENT_DAMAGED, RECORD_DAMAGED or FORMAT_UNKNOWN. */
export async function readSegment(
  repository: Repository,
  name: string,
  secrets: SegmentSecrets,
): Promise<Segment> {
  const sealed = await repository.readObject('segments', name);
  try {
    const segment = decodeSegment(await open(sealed, secrets), { hashing, logKey: secrets.logKey });
    if (segment.firstSeq !== Number(name.slice(0, 12))) {
      throw new DeskPodError(
        'SEGMENT_DAMAGED',
        `expected its name to give its first seq ${segment.firstSeq}`,
      );
    }
    return segment;
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    // its bytes are those of its name, so a header that the identity does not open was never this pod's
    const code = error.code === 'KEYRING_NO_IDENTITY' ? 'OBJECT_DAMAGED' : error.code;
    throw new DeskPodError(code, `segments/${name}: ${error.message}`, {
      details: { ...error.details, kind: 'segments', name },
      cause: error,
    });
  }
}

/**
 * The records of a repository from 1 to `end` (its head). A segment that is damaged, or that a stranger put there, is in
 * nobody's way as long as the chain does not need it. Throws what {@link chainTo} throws, or the damage of a segment if
 * there is one.
 */
export async function readChain(
  repository: Repository,
  secrets: SegmentSecrets,
  end: RecordPosition,
): Promise<LogRecord[]> {
  const segments: Segment[] = [];
  let damage: unknown;
  for (const name of await repository.listObjects('segments')) {
    try {
      segments.push(await readSegment(repository, name, secrets));
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      damage ??= error;
    }
  }
  try {
    return chainTo(segments, end);
  } catch (error) {
    throw damage ?? error;
  }
}

/**
 * The records from 1 to `end`, in whatever logs of the pod they were written: the chain of hashes says which. Segments
 * of other branches are passed over. Throws OBJECT_MISSING for a record that no segment holds, HOME_FOREIGN if there
 * are others in its place only.
 */
export function chainTo(segments: readonly Segment[], end: RecordPosition): LogRecord[] {
  const backwards: LogRecord[] = [];
  let wanted = end;
  while (wanted.seq > 0) {
    const run = runEndingAt(segments, wanted);
    for (const record of run.toReversed()) backwards.push(record);
    const first = run[0];
    if (first === undefined) break;
    wanted = { seq: first.seq - 1, recordHash: first.previous };
  }
  return backwards.reverse();
}

/** The last record of each log of which `segments` hold some, by epoch. */
export function logTips(segments: readonly Segment[]): LogTip[] {
  const tips = new Map<string, LogTip>();
  for (const { podId, epoch, deviceId, records } of segments) {
    const last = records.at(-1);
    const key = `${epoch}:${toHex(deviceId)}`;
    if (last === undefined || (tips.get(key)?.seq ?? 0) >= last.seq) continue;
    tips.set(key, { podId, epoch, deviceId, seq: last.seq, recordHash: last.bodyHash });
  }
  return [...tips.values()].sort((a, b) => a.epoch - b.epoch);
}

function runEndingAt(
  segments: readonly Segment[],
  { seq, recordHash }: RecordPosition,
): readonly LogRecord[] {
  let isElsewhere = false;
  for (const { firstSeq, records } of segments) {
    const index = seq - firstSeq;
    const record = records[index];
    if (index < 0 || record === undefined) continue;
    if (equalBytes(record.bodyHash, recordHash)) return records.slice(0, index + 1);
    isElsewhere = true;
  }
  const details = { seq, recordHash: toHex(recordHash) };
  if (isElsewhere) {
    throw new DeskPodError(
      'HOME_FOREIGN',
      `log: expected record ${seq} of this history, got one of another`,
      { details },
    );
  }
  throw new DeskPodError('OBJECT_MISSING', `log: expected a segment that holds record ${seq}, got none`, {
    details,
  });
}
