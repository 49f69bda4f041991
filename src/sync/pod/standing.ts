// Where a device's history stands at a home: is it the one that home goes on with, a branch of it, or nothing new to it?
import { toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { PodEvent } from '../../core/events.ts';
import { decodeHead, type Head } from '../../core/head.ts';
import type { HomeState } from '../../core/home-state.ts';
import type { LogRecord } from '../../core/record.ts';
import type { PodState } from '../../core/state.ts';
import type { Home } from '../home/home.ts';
import { Repository } from '../repository/repository.ts';
import { readChain } from '../repository/segments.ts';
import { withScratchFolder } from '../scratch-folder.ts';
import { fetchBranchHeads } from './branches.ts';
import { type Pod, toLoggedEvent } from './pod.ts';

/** What a device is to a home. */
export type Standing =
  /**
   * Home's head is of this log, or home has none. `seq`: up to there home has all of it. `displaces`: home's head is of
   * another history, which has this log up to `seq`, but may have pruned what that needs: of objects it says nothing. A
   * `usurper` was fenced, and took home after that had gone back in time; a `predecessor` had home until this device was
   * promoted.
   */
  | { readonly kind: 'main'; readonly seq: number; readonly displaces?: 'usurper' | 'predecessor' }
  /**
   * Home goes on with another history. `seq`: up to there it has this one as a branch. `isCopy`: another copy of this
   * device goes on under its name.
   */
  | { readonly kind: 'branch'; readonly seq: number; readonly forkSeq: number; readonly isCopy: boolean }
  /** Home goes on with another history, which has all that this device has but the checkpoints that it has forgotten. */
  | { readonly kind: 'behind'; readonly forkSeq: number; readonly forgotten: readonly number[] };

/** What happens to a device as such. A history that has nothing else of its own is no branch yet. */
const HOUSEKEEPING: ReadonlySet<PodEvent['type']> = new Set([
  'home.acknowledged',
  'home.reverted',
  'home.branched',
  'home.equipped',
  'home.stripped',
  'home.leased',
  'device.moved',
  'device.forked',
]);

/** What a device begins with. */
const BEGINNINGS: ReadonlySet<PodEvent['type']> = new Set([
  'restore.completed',
  'device.forked',
  'device.promoted',
]);

/**
 * Looks where the log of `pod` stands at a home whose head is `homeHead`. Once a branch at a home, it stays one.
 *
 * @throws DeskPodError HOME_*; HOME_DAMAGED if home's own history cannot be read
 */
export async function findStanding(
  pod: Pod,
  home: Home,
  known: HomeState,
  homeHead: Head | undefined,
): Promise<Standing> {
  if (known.branch !== undefined)
    return { kind: 'branch', forkSeq: known.branch.forkSeq, ...(await findOwnBranch(pod, home)) };
  if (homeHead === undefined) return { kind: 'main', seq: 0 };
  if (await isOfThisLog(pod, homeHead)) {
    // what a copy was forked from goes on with the original, also where that has not been since
    if (known.isClaimed === true || pod.state.forkedSeq <= homeHead.seq)
      return { kind: 'main', seq: homeHead.seq };
    return asBranch(pod, { forkSeq: homeHead.seq, theirs: [] }, await findOwnBranch(pod, home));
  }
  const fork = await findFork(pod, home, homeHead);
  const { forkSeq, theirs } = fork;
  if (isUsurped(pod.state, known, homeHead)) return { kind: 'main', seq: forkSeq, displaces: 'usurper' };
  if (known.isClaimed === true && homeHead.epoch < pod.state.epoch)
    return { kind: 'main', seq: forkSeq, displaces: 'predecessor' };
  if (homeHead.epoch < pod.state.epoch && isOnlyHousekeeping(theirs)) return { kind: 'main', seq: forkSeq };
  const own = await findOwnBranch(pod, home);
  const isNamesake = toHex(homeHead.deviceId) === pod.state.deviceId;
  const isCopy = own.isCopy || isNamesake || (pod.state.deviceSeq <= forkSeq && goOnAsBefore(theirs));
  return asBranch(pod, fork, { ...own, isCopy });
}

/** True if the record that a head names is in the log of `pod`. */
export async function isOfThisLog(pod: Pod, { seq, recordHash }: Head): Promise<boolean> {
  return (await pod.recordHash(seq)) === toHex(recordHash);
}

/**
 * True if home knows more of this pod than this log, also as a branch of its device, or goes on with another device: more than
 * what happens to a device as such. So it counts if home has another head, and what led to that cannot be read.
 *
 * @throws DeskPodError HOME_*, HEAD_DAMAGED
 */
export async function hasNewsAtHome(pod: Pod, home: Home): Promise<boolean> {
  const { podId, deviceId } = pod.state;
  const bytes = await home.head(podId);
  const heads = bytes === undefined ? [] : [decodeHead(bytes, pod.sealing)];
  for (const branch of await fetchBranchHeads(home, podId)) {
    const head = branch.deviceId === deviceId ? proven(pod, branch.headBytes) : undefined;
    if (head !== undefined) heads.push(head);
  }
  for (const head of heads) if (await hasNews(pod, home, head)) return true;
  return false;
}

async function hasNews(pod: Pod, home: Home, head: Head): Promise<boolean> {
  if (await isOfThisLog(pod, head)) return false;
  try {
    return !isOnlyHousekeeping((await findFork(pod, home, head)).theirs);
  } catch (error) {
    // it has something else, and does not say what
    if (!isDeskPodError(error)) throw error;
    return true;
  }
}

/** The newest head of this device's branch at home, if it has one and nobody else goes on with it. */
export async function findOwnHead(pod: Pod, home: Home): Promise<Head | undefined> {
  const { heads, isCopy } = await readOwnBranch(pod, home);
  return isCopy ? undefined : heads.at(-1);
}

type OwnBranch = Pick<Standing & { kind: 'branch' }, 'seq' | 'isCopy'>;

async function findOwnBranch(pod: Pod, home: Home): Promise<OwnBranch> {
  const { heads, isCopy } = await readOwnBranch(pod, home);
  return { seq: isCopy ? 0 : (heads.at(-1)?.seq ?? 0), isCopy };
}

/** The heads of the branch that has the name of this device, by position; `isCopy`: some are not of its log. */
async function readOwnBranch(pod: Pod, home: Home): Promise<{ heads: readonly Head[]; isCopy: boolean }> {
  const { podId, deviceId } = pod.state;
  const heads: Head[] = [];
  for (const branch of await fetchBranchHeads(home, podId)) {
    const head = branch.deviceId === deviceId ? proven(pod, branch.headBytes) : undefined;
    if (head === undefined) continue;
    if (!(await isOfThisLog(pod, head))) return { heads: [], isCopy: true };
    heads.push(head);
  }
  return { heads, isCopy: false };
}

/** Whoever may write to home may have put a head of his own there. */
function proven(pod: Pod, headBytes: Uint8Array): Head | undefined {
  try {
    return decodeHead(headBytes, pod.sealing);
  } catch (error) {
    if (isDeskPodError(error)) return undefined;
    throw error;
  }
}

async function asBranch(pod: Pod, { forkSeq, theirs }: Fork, own: OwnBranch): Promise<Standing> {
  const since = await pod.events(forkSeq + 1);
  const hasNews = since.some(({ event }) => !HOUSEKEEPING.has(event.type));
  if (hasNews || own.seq > 0) return { kind: 'branch', forkSeq, ...own };
  return { kind: 'behind', forkSeq, forgotten: forgottenBy(theirs, pod.state) };
}

/** Which checkpoints of a device that has sealed none since the fork the other history has given up. */
function forgottenBy(theirs: readonly LogRecord[], { checkpoints }: PodState): number[] {
  const given = new Set(
    theirs.flatMap((record) => {
      const { event } = toLoggedEvent(record);
      return event.type === 'checkpoints.forgotten' ? event.numbers : [];
    }),
  );
  return checkpoints.map(({ number }) => number).filter((number) => given.has(number));
}

interface Fork {
  /** Last position that both histories have. */
  readonly forkSeq: number;
  /** How home's goes on from there. */
  readonly theirs: readonly LogRecord[];
}

async function findFork(pod: Pod, home: Home, homeHead: Head): Promise<Fork> {
  const theirs = await readHistory(pod, home, homeHead);
  // a record holds the hash of the one before: where two are the same, so is all before them
  let [same, other] = [0, theirs.length + 1];
  while (other - same > 1) {
    const middle = (same + other) >> 1;
    const record = theirs[middle - 1];
    const isSame = record !== undefined && (await pod.recordHash(middle)) === toHex(record.bodyHash);
    if (isSame) same = middle;
    else other = middle;
  }
  return { forkSeq: same, theirs: theirs.slice(same) };
}

async function readHistory(pod: Pod, home: Home, homeHead: Head): Promise<LogRecord[]> {
  return withScratchFolder(async (dir) => {
    const repository = await Repository.create(dir);
    try {
      await home.pull(pod.state.podId, dir, { objects: ['segments/'] });
      return await readChain(repository, pod.secrets, homeHead);
    } catch (cause) {
      if (!isDeskPodError(cause) || cause.code === 'HOME_UNREACHABLE') throw cause;
      throw new DeskPodError('HOME_DAMAGED', `${home.url}: its history of this pod cannot be read`, {
        hint: 'Look at it with `deskpod verify --home`, from the device that syncs there.',
        details: { url: home.url },
        cause,
      });
    }
  });
}

/** Home had taken this device's head, and has one that a restore had fenced before: it went back in time meanwhile. */
function isUsurped({ epoch, deviceSeq }: PodState, known: HomeState, homeHead: Head): boolean {
  return homeHead.epoch < epoch && known.seq >= deviceSeq;
}

/**
 * Each home gets what those before it have acknowledged. So a device that was restored from one of them lacks such records
 * of another, which has nothing to lose by going on with the new device.
 */
function isOnlyHousekeeping(records: readonly LogRecord[]): boolean {
  return records.every((record) => HOUSEKEEPING.has(toLoggedEvent(record).event.type));
}

/** True if these records are of the same device as those before them: no other one begins with them. */
function goOnAsBefore(records: readonly LogRecord[]): boolean {
  for (const record of records) {
    const { type } = toLoggedEvent(record).event;
    // a restore by an old head may have had to name the keyring first
    if (type !== 'keyring.changed') return !BEGINNINGS.has(type);
  }
  return false;
}
