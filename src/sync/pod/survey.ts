// Surveying a pod at home before anything is written elsewhere: does the key open it, what is in it, how large is it.
import { equalBytes, toHex } from '../../core/bytes.ts';
import { findCheckpoint } from '../../core/decide.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { PodKind } from '../../core/events.ts';
import { peekHead } from '../../core/head.ts';
import type { LogRecord } from '../../core/record.ts';
import { type Checkpoint, latestCheckpoint, type PodState } from '../../core/state.ts';
import type { Home } from '../home/home.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import { type Credential, type Unlocked, unlockRepository } from '../keyring/unlock.ts';
import { Repository } from '../repository/repository.ts';
import { readChain } from '../repository/segments.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import { foldRecords } from './pod.ts';

/** What is asked of a home. */
export interface SurveyRequest {
  readonly url: string;
  readonly podId: string;
  readonly credential: Credential;
  /** What the target can hold; either, if left out. */
  readonly kind?: PodKind;
  /** The checkpoint to restore; the newest without it. */
  readonly checkpoint?: number;
}

/** A pod at home whose head, keyring and log are proven. */
export interface SurveyedPod {
  readonly url: string;
  readonly podId: string;
  readonly headBytes: Uint8Array;
  readonly unlocked: Unlocked;
  readonly records: readonly LogRecord[];
  readonly checkpoint: Checkpoint;
  /** Bytes that the pod takes on a device: its repository, and the files of the checkpoint. */
  readonly neededBytes: number;
}

/**
 * Fetches head, keyring and log of a pod, which are small, into a folder of this host that is removed again.
 *
 * @throws DeskPodError HOME_*, POD_NOT_FOUND, PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, CHECKPOINT_NOT_FOUND, OBJECT_*;
 * USAGE if the pod is of another kind
 */
export async function surveyPod(request: SurveyRequest): Promise<SurveyedPod> {
  const home = openRsyncHome(request.url);
  const headBytes = await readHead(home, request.podId);
  try {
    return await surveyAt(home, headBytes, request);
  } catch (error) {
    if (!isDeskPodError(error, 'HOME_DAMAGED')) throw error;
    // A sync that brings a new keyring takes the former one away: then home's head has moved, too.
    const now = await readHead(home, request.podId);
    if (equalBytes(now, headBytes)) throw error;
    return surveyAt(home, now, request);
  }
}

async function readHead(home: Home, podId: string): Promise<Uint8Array> {
  const headBytes = await home.head(podId);
  if (headBytes !== undefined) return headBytes;
  throw new DeskPodError('POD_NOT_FOUND', `${home.url} has no pod ${podId}`);
}

function surveyAt(home: Home, headBytes: Uint8Array, request: SurveyRequest): Promise<SurveyedPod> {
  const { url, podId } = request;
  return withScratchFolder(async (dir) => {
    const repository = await Repository.create(dir);
    const keyring = `keyrings/${toHex(peekHead(headBytes).keyring)}`;
    await home.pull(podId, dir, { objects: [keyring, 'segments/'] }).catch((cause: unknown) => {
      // Home itself answered a moment ago.
      throw isDeskPodError(cause, 'HOME_NOT_FOUND') ? lacking(url, keyring, cause) : cause;
    });
    await repository.writeHead(headBytes);
    const unlocked = await unlockRepository(repository, request.credential);
    const records = await readChain(repository, unlocked.keyring.secrets, unlocked.head);
    const state = foldRecords(records);
    if (request.kind !== undefined) requireKind(state, request.kind);
    const checkpoint = chooseCheckpoint(state, request.checkpoint);
    return { url, podId, headBytes, unlocked, records, checkpoint, neededBytes: measure(state, checkpoint) };
  });
}

/** The error for an object that home should have. */
export function lacking(url: string, object: string, cause: unknown): DeskPodError {
  return new DeskPodError('HOME_DAMAGED', `${url}: expected ${object}, got none`, {
    hint: 'Bring that file back from another copy of this home, then run the same command again.',
    details: { url, damaged: [object] },
    cause,
  });
}

function requireKind({ podId, kind }: PodState, wanted: PodKind): void {
  if (kind === wanted) return;
  throw new DeskPodError('USAGE', `pod ${podId} is a ${kind}; the target is for a ${wanted}`, {
    hint:
      kind === 'tree'
        ? 'Restore it into a folder: --to FOLDER, without --size.'
        : 'Restore it to a device: --to DEVICE, or --to FILE --size 8G for an image file.',
  });
}

function chooseCheckpoint(state: PodState, wanted: number | undefined): Checkpoint {
  const chosen = wanted === undefined ? latestCheckpoint(state) : findCheckpoint(state, wanted);
  if (chosen !== undefined) return chosen;
  throw new DeskPodError('CHECKPOINT_NOT_FOUND', 'home has no checkpoint of this pod yet', {
    hint: 'There is nothing to restore: it was synced before its first checkpoint.',
  });
}

function measure({ checkpoints, base }: PodState, { stats }: Checkpoint): number {
  const packBytes = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.stats.storedBytes, 0);
  return packBytes + (base?.sizeBytes ?? 0) + stats.fileBytes;
}
