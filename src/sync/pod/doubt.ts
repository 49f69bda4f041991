// Doubts about a checkpoint before it is sealed: what it would hold is compared with the last one that nobody doubts.
import {
  type Doubt,
  describeDoubt,
  judgeLoss,
  type LossFacts,
  mayBeLoss,
} from '../../core/checkpoint-doubt.ts';
import type { EncodedEntry } from '../../core/encoded-entry.ts';
import { DeskPodError, type ErrorCode, isDeskPodError } from '../../core/errors.ts';
import { LossCensus, type MountChanges } from '../../core/loss-census.ts';
import { diffManifests, type EncodedStream } from '../../core/manifest-diff.ts';
import { isSameRoot } from '../../core/root.ts';
import { type Checkpoint, referenceCheckpoint } from '../../core/state.ts';
import { readEncodedManifest } from '../browse/manifest-stream.ts';
import { displayPath, pathBytes } from '../files/byte-path.ts';
import { hashing } from '../hashing.ts';
import type { Pod } from './pod.ts';
import type { CapturedTree } from './seal-checkpoint.ts';

/**
 * Why what was captured looks like a loss; undefined if it does not. No file is read for it, and no manifest unless the
 * numbers of the capture leave it open. What was captured must be flushed: how well each chunk was compressed tells noise
 * from what can be read.
 */
export async function findDoubt(pod: Pod, files: CapturedTree): Promise<Doubt | undefined> {
  const reference = referenceCheckpoint(pod.state);
  if (reference === undefined || isSameRoot(reference.files, files.root)) return undefined;
  const mounts = changesOf(pod.state.mounts, files.mounts);
  const hasMountChanged = mounts.hidden.length + mounts.unmounted.length > 0;
  if (!hasMountChanged && !mayBeLoss(reference.stats.fileCount, files.stats)) return undefined;
  const { facts, examples } = await compare(pod, reference, files, mounts);
  const causes = judgeLoss(facts);
  if (causes.length === 0) return undefined;
  const { formerCount, goneCount, noiseCount } = facts;
  return { against: reference.number, causes, formerCount, goneCount, noiseCount, examples };
}

interface Comparison {
  readonly facts: LossFacts;
  readonly examples: readonly string[];
}

async function compare(
  { content }: Pod,
  reference: Checkpoint,
  files: CapturedTree,
  mounts: MountChanges,
): Promise<Comparison> {
  const census = new LossCensus((id) => content.locate(id), mounts);
  const before = seen(readEncodedManifest(content, reference.files), (entry) => census.seeFormer(entry));
  const after = seen(readEncodedManifest(content, files.root), (entry) => census.seePresent(entry));
  try {
    for await (const change of diffManifests(before, after, hashing.sha256)) census.note(change);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { facts: numbersAlone(reference, files), examples: [] };
  }
  return { facts: census.facts(), examples: census.examples().map(displayPath) };
}

/** Damage of the last checkpoint must not keep the next one from being made: then only numbers are compared. */
function numbersAlone({ stats }: Checkpoint, files: CapturedTree): LossFacts {
  const formerFiles = stats.fileCount;
  const presentFiles = files.stats.files;
  const goneCount = Math.max(0, formerFiles - presentFiles);
  return { formerFiles, formerCount: formerFiles, presentFiles, goneCount, ...UNKNOWN };
}

const UNKNOWN = { replacedCount: 0, noiseCount: 0, hiddenCount: 0, unmountedCount: 0 };
const DAMAGE: readonly ErrorCode[] = [
  'CHUNK_MISSING',
  'CHUNK_DAMAGED',
  'OBJECT_MISSING',
  'OBJECT_DAMAGED',
  'PACK_DAMAGED',
  'MANIFEST_DAMAGED',
];

function isDamage(error: unknown): boolean {
  return DAMAGE.some((code) => isDeskPodError(error, code));
}

/** Paths that are in one of both only. */
function changesOf(former: readonly string[], present: readonly Uint8Array[]): MountChanges {
  const shown = new Map(present.map((path) => [displayPath(path), path]));
  return {
    hidden: [...shown].filter(([name]) => !former.includes(name)).map(([, path]) => path),
    unmounted: former.filter((name) => !shown.has(name)).map((name) => pathBytes(name)),
  };
}

/** Logs a doubt about a checkpoint that was not sealed; one that lasts only once. */
export async function noteDoubt(pod: Pod, doubt: Doubt): Promise<void> {
  if ((await pod.append({ type: 'doubtCheckpoint', doubt })).length > 0) await pod.publish();
}

/** Logs that nothing could be sealed, as something cannot be read; `error` says what. */
export async function noteUnreadable(pod: Pod, error: DeskPodError): Promise<void> {
  const reference = referenceCheckpoint(pod.state);
  if (reference === undefined) return;
  await noteDoubt(pod, {
    against: reference.number,
    causes: ['unreadable'],
    formerCount: reference.stats.fileCount,
    ...{ goneCount: 0, noiseCount: 0 },
    examples: [String(error.details.path)],
  });
}

/** The failure that asks a person. */
export function doubtfulCheckpoint(doubt: Doubt): DeskPodError {
  const some = doubt.examples.slice(0, 3).join(', ');
  return new DeskPodError('CHECKPOINT_DOUBTFUL', `nothing was sealed: ${describeDoubt(doubt)} (${some})`, {
    hint:
      'If that is right, seal it with `deskpod checkpoint --accept-changes`. If not, mount what is missing, or bring files ' +
      `back with \`deskpod restore --into FOLDER --checkpoint ${doubt.against}\`.`,
    details: { ...doubt },
  });
}

async function* seen(entries: EncodedStream, see: (entry: EncodedEntry) => void): EncodedStream {
  for await (const batch of entries) {
    for (const entry of batch) see(entry);
    yield batch;
  }
}
