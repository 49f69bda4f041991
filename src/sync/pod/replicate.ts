// Replication: a home gets the objects that it lacks, then its head moves. Interrupted anywhere, home has its former head.
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { encodeHead } from '../../core/head.ts';
import type { HomeState } from '../../core/home-state.ts';
import { isRenewalDue } from '../../core/lease.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Home, PushReport } from '../home/home.ts';
import { isTwinUrl } from '../home/home-url.ts';
import type { LendHome, LentHome, TransferSettings } from '../home/lend-home.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import type { ObjectKind } from '../repository/repository.ts';
import { putInventory } from '../retention/put-inventory.ts';
import { requireHistory } from './awaited-packs.ts';
import { forkDevice } from './fork-device.ts';
import { removeFormerAtHome, removeFormerKeyrings } from './former-keyrings.ts';
import { addBranchHead, moveHead, readHomeHead } from './home-head.ts';
import type { Pod } from './pod.ts';
import { findStanding, type Standing } from './standing.ts';
import { describeStanding, type StandingReport } from './standing-report.ts';
import { makeRoomOnTwin, requireFollower, tendTwin } from './tend-twin.ts';

/** What a sync to one home did. */
export interface SyncReport extends StandingReport {
  readonly url: string;
  /** Position of the log up to which home has everything. */
  readonly seq: number;
  readonly sentObjects: number;
  /** Length of the objects that home lacked. */
  readonly sentBytes: number;
  /** What went over the wire for them. */
  readonly wireBytes: number;
  /** How many transfers went side by side, and why so many; undefined if home lacked nothing. */
  readonly streams?: number;
  readonly streamsReason?: string;
  readonly durationMs: number;
  /** True if home had an older state than the one it had acknowledged; it was brought up to date again. */
  readonly wentBack: boolean;
  /** What could not be tidied up, in sentences; home is up to date all the same. */
  readonly warnings: readonly string[];
}

/** Why a sync to one home failed; `error` is what {@link syncHome} threw, or what lent it. */
export interface SyncFailure {
  readonly url: string;
  readonly error: unknown;
}

const lendRsyncHome: LendHome = (url, settings, work) => work({ home: openRsyncHome(url, settings) });

/**
 * Syncs to every home of the pod, or to the one at `url`; answers with one outcome for each. A home that fails keeps no
 * other from its sync.
 *
 * @throws DeskPodError HOME_UNKNOWN if there is none to sync to
 */
export async function syncHomes(
  pod: Pod,
  url: string | undefined,
  onProgress: ProgressListener,
  settings: TransferSettings = {},
  lendHome: LendHome = lendRsyncHome,
): Promise<(SyncReport | SyncFailure)[]> {
  const homes = pod.state.homes.filter((home) => url === undefined || home.url === url);
  if (homes.length === 0) {
    throw new DeskPodError(
      'HOME_UNKNOWN',
      url === undefined ? 'the pod has no home' : `${url} is no home of this pod`,
      {
        hint: 'Give it one with `deskpod home add URL`.',
      },
    );
  }
  const outcomes: (SyncReport | SyncFailure)[] = [];
  for (const known of homes) {
    try {
      const outcome = await lendHome(known.url, settings, (lent) =>
        isTwinUrl(known.url)
          ? syncTwin(pod, known, onProgress, lent)
          : syncHome(pod, known, onProgress, lent.home),
      );
      outcomes.push(outcome);
    } catch (error) {
      outcomes.push({ url: known.url, error });
    }
  }
  return outcomes;
}

/**
 * A twin is no larger than the pod that it follows: it loses what was pruned, before if it has no room otherwise. It carries
 * a runtime if the pod's device does.
 */
async function syncTwin(
  pod: Pod,
  known: HomeState,
  onProgress: ProgressListener,
  lent: LentHome,
): Promise<SyncReport> {
  const sync = (): Promise<SyncReport> => syncHome(pod, stateOf(pod, known), onProgress, lent.home);
  await renewLease(pod, known, await lent.deviceId?.());
  const report = await syncMakingRoom(sync, [
    async () => (await makeRoomOnTwin(pod, lent.home)) > 0,
    async () => (await lent.strip?.()) === true,
  ]);
  const { isChanged, warnings } = await tendTwin(pod, lent, onProgress);
  const told = { ...report, warnings: [...report.warnings, ...warnings] };
  // the twin is to know by its own log what it carries
  return isChanged ? bothOf(told, await sync()) : told;
}

/** What the twin is told by its copy of the log, it is told before that is sent. */
async function renewLease(pod: Pod, known: HomeState, deviceId: string | undefined): Promise<void> {
  const home = stateOf(pod, known);
  const { clockMs } = pod.state;
  if (!isRenewalDue(home, { nowMs: Date.now(), clockMs, deviceId })) return;
  const { leaseMs } = home.leases?.at(-1) ?? {};
  const lease = {
    url: known.url,
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(deviceId === undefined ? {} : { deviceId }),
  };
  await pod.append({ type: 'leaseHome', lease });
}

/** Syncs; each way to make room is tried once, in order, where there is none. */
async function syncMakingRoom(
  sync: () => Promise<SyncReport>,
  ways: readonly (() => Promise<boolean>)[],
): Promise<SyncReport> {
  try {
    return await sync();
  } catch (error) {
    if (!isDeskPodError(error, 'HOME_FULL')) throw error;
    for (const [index, makeRoom] of ways.entries())
      if (await makeRoom()) return syncMakingRoom(sync, ways.slice(index + 1));
    throw error;
  }
}

/** What is known of a home by now. */
function stateOf({ state }: Pod, known: HomeState): HomeState {
  return state.homes.find(({ url }) => url === known.url) ?? known;
}

function bothOf(first: SyncReport, second: SyncReport): SyncReport {
  return {
    ...first,
    seq: second.seq,
    sentObjects: first.sentObjects + second.sentObjects,
    sentBytes: first.sentBytes + second.sentBytes,
    wireBytes: first.wireBytes + second.wireBytes,
    durationMs: first.durationMs + second.durationMs,
    warnings: [...first.warnings, ...second.warnings],
  };
}

/**
 * Brings one home up to the end of the log: home's own history if this device goes on with it, or else a branch that home
 * keeps beside it.
 *
 * @param home the home at `known.url`
 * @throws DeskPodError HOME_FENCED or HOME_FOREIGN if another device moved home's head since the sync began, or if home is a
 * twin that follows another; HISTORY_AWAITED if packs are neither here nor there. It is not touched then. HOME_NOT_FOUND, HOME_UNREACHABLE, HOME_FULL, HOME_DAMAGED.
 */
export async function syncHome(
  pod: Pod,
  known: HomeState,
  onProgress: ProgressListener,
  home: Home = openRsyncHome(known.url),
): Promise<SyncReport> {
  const startedMs = performance.now();
  onProgress({ step: `looking at ${known.url}` });
  const homeHead = await readHomeHead(home, pod);
  const standing = await findStanding(pod, home, known, homeHead?.head);
  if (homeHead !== undefined && isTwinUrl(known.url)) requireFollower(pod, home, standing, homeHead);
  if (standing.kind === 'behind') return upToDate(pod, known, standing, startedMs);
  if (standing.kind === 'branch') await beginBranch(pod, known, standing);
  const wentBack = isBehindAcknowledged(pod, known, standing);
  if (!wentBack && known.seq === standing.seq && (await isUpToDate(pod, standing.seq)))
    return upToDate(pod, known, standing, startedMs);
  if (wentBack) await noteReversion(pod, known, standing.seq);
  const displaced = standing.kind === 'main' && standing.displaces !== undefined ? homeHead : undefined;
  const homeSeq = displaced === undefined ? standing.seq : 0;
  await requireHistory(pod, home, homeSeq);
  if (displaced !== undefined) await addBranchHead(pod, home, displaced.bytes);
  const head = await pod.publish();
  const headBytes = encodeHead(head, pod.sealing);
  const warnings = await removeFormerKeyrings(pod);
  const pushed = await sendObjects({ pod, home, onProgress }, headBytes, homeSeq);
  if (standing.kind === 'main') await moveHead(pod, home, headBytes, homeHead);
  else await addBranchHead(pod, home, headBytes);
  const isOurs = standing.kind === 'main' ? () => isHeadOf(home, pod, headBytes) : async () => true;
  const madeAfterSeq = standing.kind === 'main' ? 0 : standing.forkSeq;
  const cleanSeq = Math.min(known.seq, standing.seq);
  warnings.push(...(await removeFormerAtHome(pod, home, { isOurs, cleanSeq, madeAfterSeq })));
  const sent = { seq: head.seq, recordHash: toHex(head.recordHash), sentBytes: pushed.sentBytes };
  if (known.seq !== head.seq || wentBack)
    await pod.append({ type: 'acknowledgeHome', url: known.url, ...sent });
  return {
    ...describeStanding(pod, known, standing, displaced?.head),
    ...pushed,
    ...{ seq: head.seq, wentBack, warnings },
    durationMs: performance.now() - startedMs,
  };
}

/** Everything but the head: first its inventory, then what home lacks that has everything up to `homeSeq`. */
async function sendObjects(
  { pod, home, onProgress }: { pod: Pod; home: Home; onProgress: ProgressListener },
  headBytes: Uint8Array,
  homeSeq: number,
): Promise<PushReport> {
  const { repository, state } = pod;
  const inventory = await putInventory(pod, headBytes);
  // before home is asked what it has: a prune there takes nothing away then that this head needs
  await home.push(repository.dir, state.podId, inventory, { isUnasked: true });
  // a page of it that lay there already may have gone in a prune which did not see the inventory yet
  return home.push(repository.dir, state.podId, [...inventory, ...(await findMissing(pod, homeSeq))], {
    onProgress: (progress) => onProgress({ ...progress, step: `sending to ${home.url}` }),
  });
}

function upToDate(pod: Pod, known: HomeState, standing: Standing, startedMs: number): SyncReport {
  return {
    ...describeStanding(pod, known, standing),
    ...{ seq: standing.kind === 'behind' ? standing.forkSeq : standing.seq, wentBack: false, warnings: [] },
    ...{ sentObjects: 0, sentBytes: 0, wireBytes: 0 },
    durationMs: performance.now() - startedMs,
  };
}

/** Home has less than it acknowledged, of the history that it acknowledged. */
function isBehindAcknowledged(
  { state }: Pod,
  known: HomeState,
  standing: Standing & { readonly seq: number },
): boolean {
  if (known.isClaimed === true) return false; // what it had acknowledged is a branch there
  const isSameLine = standing.kind === 'main' || known.branch?.deviceId === state.deviceId;
  return isSameLine && known.seq > standing.seq;
}

async function noteReversion(pod: Pod, { url, seq: acknowledgedSeq, revertedSeq }: HomeState, seq: number) {
  if (seq === revertedSeq) return;
  await pod.append({ type: 'noteReversion', reversion: { url, seq, acknowledgedSeq } });
}

/** Before anything is sent the log says that this device is a branch there, and a copy gets a name of its own. */
async function beginBranch(
  pod: Pod,
  { url, branch }: HomeState,
  { forkSeq, isCopy }: Standing & { readonly kind: 'branch' },
): Promise<void> {
  if (isCopy) await forkDevice(pod, 'found');
  const { deviceId } = pod.state;
  if (branch?.deviceId === deviceId) return;
  await pod.append({ type: 'branchAtHome', branch: { url, deviceId, forkSeq } });
}

/** What homes have acknowledged or taken over is no news to them: it travels with the next event that is. */
async function isUpToDate(pod: Pod, homeSeq: number): Promise<boolean> {
  const later = await pod.events(homeSeq + 1);
  return later.every(({ event }) => event.type === 'home.acknowledged' || event.type === 'home.docked');
}

async function isHeadOf(home: Home, pod: Pod, headBytes: Uint8Array): Promise<boolean> {
  const head = await home.head(pod.state.podId);
  return head !== undefined && equalBytes(head, headBytes);
}

/**
 * The objects that a home with everything up to `homeSeq` may lack. A pack is left out only if an event that home has
 * names it: one that an interrupted checkpoint left may hold what a later one refers to.
 */
async function findMissing({ repository, state }: Pod, homeSeq: number): Promise<string[]> {
  const inForce = packsInForce(state.packs);
  const packs = (await repository.listObjects('packs')).filter(
    (name) => (inForce.get(name) ?? Number.POSITIVE_INFINITY) > homeSeq,
  );
  const segments = (await repository.listObjects('segments')).filter(
    (name) => Number(name.slice(0, 12)) > homeSeq,
  );
  const wanted: Readonly<Partial<Record<ObjectKind, readonly string[]>>> = {
    packs,
    segments,
    // none of those that it replaced, and none that an interrupted change left
    keyrings: [state.keyring],
    bases: await repository.listObjects('bases'),
  };
  const paths: string[] = [];
  for (const [kind, names] of Object.entries(wanted) as [ObjectKind, readonly string[]][]) {
    for (const name of names) {
      paths.push(repository.objectPath(kind, name).slice(repository.dir.length + 1));
    }
  }
  return paths;
}
