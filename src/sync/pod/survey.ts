// Surveying a pod at home before anything is written elsewhere: does the key open it, what is in it, how large is it.
import { equalBytes, toHex } from '../../core/bytes.ts';
import { findCheckpoint } from '../../core/decide.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { PodKind } from '../../core/events.ts';
import { decodeHead, peekHead } from '../../core/head.ts';
import type { LogRecord } from '../../core/record.ts';
import { type Checkpoint, latestCheckpoint, type PodState } from '../../core/state.ts';
import { hashing } from '../hashing.ts';
import type { Home } from '../home/home.ts';
import { type Credential, type Unlocked, unlockRepository } from '../keyring/unlock.ts';
import { Repository } from '../repository/repository.ts';
import { readChain } from '../repository/segments.ts';
import { findEarlierHeads, requireEarlierHead } from '../retention/earlier-heads.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import {
  type BranchHead,
  chooseBranchName,
  fetchBranchHeads,
  newestHeads,
  pullBranches,
} from './branches.ts';
import { foldRecords, toLoggedEvent } from './pod.ts';

/** What is asked of a home. */
export interface SurveyRequest {
  readonly home: Home;
  readonly podId: string;
  readonly credential: Credential;
  /** What the target can hold; either, if left out. */
  readonly kind?: PodKind;
  /** The checkpoint to restore; the newest without it. */
  readonly checkpoint?: number;
  /** Position of a head that home received earlier; its present one without it. */
  readonly headSeq?: number;
  /** The branch that is meant, by the beginning of its name; home's own history without it. */
  readonly branch?: string;
}

/** A pod at home whose head, keyring and log are proven. */
export interface SurveyedPod {
  readonly home: Home;
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
 * @throws DeskPodError HOME_*, POD_NOT_FOUND, BRANCH_NOT_FOUND, PASSPHRASE_WRONG, KEYRING_NO_IDENTITY,
 * CHECKPOINT_NOT_FOUND, OBJECT_*; USAGE if the pod is of another kind
 */
export async function surveyPod(request: SurveyRequest): Promise<SurveyedPod> {
  const { home } = request;
  if (request.branch !== undefined) return surveyBranch(request.branch, request);
  if (request.headSeq !== undefined) return surveyEarlier(request.headSeq, request);
  const headBytes = await readHead(home, request.podId);
  try {
    return await surveyAt(headBytes, request);
  } catch (error) {
    if (!isDeskPodError(error, 'HOME_DAMAGED')) throw error;
    // A sync that brings a new keyring takes the former one away: then home's head has moved, too.
    const now = await readHead(home, request.podId);
    if (equalBytes(now, headBytes)) throw error;
    return surveyAt(now, request);
  }
}

async function readHead(home: Home, podId: string): Promise<Uint8Array> {
  const headBytes = await home.head(podId);
  if (headBytes !== undefined) return headBytes;
  throw new DeskPodError('POD_NOT_FOUND', `${home.url} has no pod ${podId}`);
}

function surveyAt(headBytes: Uint8Array, request: SurveyRequest): Promise<SurveyedPod> {
  const { home, podId } = request;
  return withScratchFolder(async (dir) => {
    const repository = await Repository.create(dir);
    const keyring = `keyrings/${toHex(peekHead(headBytes).keyring)}`;
    await home.pull(podId, dir, { objects: [keyring, 'segments/'] }).catch((cause: unknown) => {
      // Home itself answered a moment ago.
      throw isDeskPodError(cause, 'HOME_NOT_FOUND') ? lacking(home.url, keyring, cause) : cause;
    });
    await repository.writeHead(headBytes);
    const unlocked = await unlockRepository(repository, request.credential);
    return readPod(repository, { headBytes, unlocked }, request);
  });
}

/**
 * Surveys the pod by a head that home received earlier. A keyring that is gone with it does not matter: the present one
 * has the same secrets.
 */
function surveyEarlier(headSeq: number, request: SurveyRequest): Promise<SurveyedPod> {
  const { home } = request;
  return withScratchFolder(async (dir) => {
    const repository = await Repository.create(dir);
    await requireEarlierHead(home, request.podId, headSeq);
    const present = await readHead(home, request.podId);
    await home.pull(request.podId, dir, { objects: ['inventories/', 'keyrings/', 'segments/'] });
    await pullBranches(home, request.podId, dir);
    let failure: unknown;
    for (const headBytes of await findEarlierHeads(repository, headSeq)) {
      try {
        const own = toHex(peekHead(headBytes).keyring);
        await repository.writeHead((await repository.hasObject('keyrings', own)) ? headBytes : present);
        const { keyring } = await unlockRepository(repository, request.credential);
        const head = decodeHead(headBytes, { hashing, logKey: keyring.secrets.logKey });
        return await readPod(repository, { headBytes, unlocked: { keyring, head } }, request);
      } catch (error) {
        // whoever may write to home may have put an inventory of his own beside the pod's
        if (!isDeskPodError(error)) throw error;
        failure ??= error;
      }
    }
    throw failure;
  });
}

/**
 * Surveys a branch. The keyring of home's own history opens it, which has the keys that are in force, or else its own: the
 * secrets are the same.
 */
function surveyBranch(wanted: string, request: SurveyRequest): Promise<SurveyedPod> {
  const { home, podId, credential } = request;
  return withScratchFolder(async (dir) => {
    const branches = newestHeads(await fetchBranchHeads(home, podId));
    const names = branches.map(({ deviceId }) => deviceId);
    const name = chooseBranchName(home.url, names, wanted);
    const { head, headBytes } = branches.find(({ deviceId }) => deviceId === name) as BranchHead;
    const repository = await Repository.create(dir);
    await home.pull(podId, dir, { objects: ['keyrings/', 'segments/'] });
    const present = await home.head(podId);
    const hasOwn = await repository.hasObject('keyrings', toHex(head.keyring));
    const keepers = [...(present === undefined ? [] : [present]), ...(hasOwn ? [headBytes] : [])];
    const { keyring } = await unlockByOneOf(repository, keepers, credential);
    const proven = decodeHead(headBytes, { hashing, logKey: keyring.secrets.logKey });
    return readPod(repository, { headBytes, unlocked: { keyring, head: proven } }, request);
  });
}

/** Unlocks by the first keyring, of those that `heads` name, which the credential opens. */
async function unlockByOneOf(
  repository: Repository,
  heads: readonly Uint8Array[],
  credential: Credential,
): Promise<Unlocked> {
  let failure: unknown = new DeskPodError('KEYRING_DAMAGED', 'expected a keyring at home, got none');
  for (const headBytes of heads) {
    await repository.writeHead(headBytes);
    try {
      return await unlockRepository(repository, credential);
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function readPod(
  repository: Repository,
  { headBytes, unlocked }: Pick<SurveyedPod, 'headBytes' | 'unlocked'>,
  { home, podId, kind, checkpoint: wanted }: SurveyRequest,
): Promise<SurveyedPod> {
  const records = await readChain(repository, unlocked.keyring.secrets, unlocked.head);
  const state = foldRecords(records);
  if (kind !== undefined) requireKind(state, kind);
  const checkpoint = chooseCheckpoint(state, records, wanted);
  return { home, podId, headBytes, unlocked, records, checkpoint, neededBytes: measure(state, checkpoint) };
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

function chooseCheckpoint(
  state: PodState,
  records: readonly LogRecord[],
  wanted: number | undefined,
): Checkpoint {
  const forgottenSeq = wanted === undefined ? undefined : findForgotten(state, records, wanted);
  if (forgottenSeq !== undefined) {
    throw new DeskPodError(
      'CHECKPOINT_NOT_FOUND',
      `checkpoint ${wanted} was forgotten at position ${forgottenSeq} of the log`,
      {
        hint: 'Home may have a head from before that: see `deskpod restore --list --from HOME`, and name it with --head.',
        details: { number: wanted, forgottenSeq },
      },
    );
  }
  const chosen = wanted === undefined ? latestCheckpoint(state) : findCheckpoint(state, wanted);
  if (chosen !== undefined) return chosen;
  throw new DeskPodError('CHECKPOINT_NOT_FOUND', 'home has no checkpoint of this pod yet', {
    hint: 'There is nothing to restore: it was synced before its first checkpoint.',
  });
}

/** Where the log forgets a checkpoint that it had. */
function findForgotten(
  { checkpoints, lastCheckpoint }: PodState,
  records: readonly LogRecord[],
  wanted: number,
): number | undefined {
  if (wanted > lastCheckpoint || checkpoints.some(({ number }) => number === wanted)) return undefined;
  const events = records.map(toLoggedEvent);
  return events.find(({ event }) => event.type === 'checkpoints.forgotten' && event.numbers.includes(wanted))
    ?.seq;
}

function measure({ checkpoints, base }: PodState, { stats }: Checkpoint): number {
  const packBytes = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.stats.storedBytes, 0);
  return packBytes + (base?.sizeBytes ?? 0) + stats.fileBytes;
}
