// Replication: a home gets the objects that it lacks, then its head moves. Interrupted anywhere, home has its former head.
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { decodeHead, encodeHead, type Head } from '../../core/head.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { HomeState } from '../../core/state.ts';
import type { Home } from '../home/home.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import type { ObjectKind } from '../repository/repository.ts';
import { putInventory } from '../retention/put-inventory.ts';
import { removeFormerAtHome, removeFormerKeyrings } from './former-keyrings.ts';
import type { Pod } from './pod.ts';

/** What a sync to one home did. */
export interface SyncReport {
  readonly url: string;
  /** Position of the log up to which home has everything. */
  readonly seq: number;
  readonly sentObjects: number;
  /** Length of the objects that home lacked. */
  readonly sentBytes: number;
  /** What went over the wire for them. */
  readonly wireBytes: number;
  readonly durationMs: number;
  /** True if home had an older head than the one it had acknowledged; it was brought up to date again. */
  readonly wentBack: boolean;
  /** What could not be tidied up, in sentences; home is up to date all the same. */
  readonly warnings: readonly string[];
}

/** How a sync is carried out. */
export interface SyncSettings {
  /** The most that is sent in a second, to each home. */
  readonly bytesPerSecond?: number;
}

/** Why a sync to one home failed; `error` is what {@link syncHome} threw. */
export interface SyncFailure {
  readonly url: string;
  readonly error: unknown;
}

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
  settings: SyncSettings = {},
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
  for (const home of homes) {
    try {
      outcomes.push(await syncHome(pod, home, onProgress, openRsyncHome(home.url, settings)));
    } catch (error) {
      outcomes.push({ url: home.url, error });
    }
  }
  return outcomes;
}

/**
 * Brings one home up to the end of the log.
 *
 * @param home the home at `known.url`
 * @throws DeskPodError HOME_FENCED if home belongs to a newer device of this pod, HOME_FOREIGN if it holds another
 * history, be it since the sync began; home's head is not touched then. HOME_NOT_FOUND, HOME_UNREACHABLE, HOME_FULL,
 * HOME_DAMAGED.
 */
export async function syncHome(
  pod: Pod,
  known: HomeState,
  onProgress: ProgressListener,
  home: Home = openRsyncHome(known.url),
): Promise<SyncReport> {
  const startedMs = performance.now();
  const { podId } = pod.state;
  onProgress({ step: `looking at ${known.url}` });
  const homeHead = await readHomeHead(home, pod);
  if (homeHead !== undefined) await requireOurHistory(pod, homeHead, known.url);
  const wentBack = known.seq > (homeHead?.seq ?? 0);
  if (
    homeHead !== undefined &&
    !wentBack &&
    known.seq === homeHead.seq &&
    (await isUpToDate(pod, homeHead.seq))
  ) {
    const durationMs = performance.now() - startedMs;
    return {
      url: known.url,
      seq: homeHead.seq,
      sentObjects: 0,
      sentBytes: 0,
      wireBytes: 0,
      durationMs,
      wentBack,
      warnings: [],
    };
  }
  const head = await pod.publish();
  const headBytes = encodeHead(head, pod.sealing);
  const warnings = await removeFormerKeyrings(pod);
  const inventory = await putInventory(pod, headBytes);
  // before home is asked what it has: a prune there takes nothing away then that this head needs
  await home.push(pod.repository.dir, podId, inventory, { isUnasked: true });
  const missing = await findMissing(pod, homeHead?.seq ?? 0);
  const { sentObjects, sentBytes, wireBytes } = await home.push(pod.repository.dir, podId, missing, {
    onProgress: (progress) => onProgress({ ...progress, step: `sending to ${known.url}` }),
  });
  await requireUnmoved(home, pod, homeHead);
  await home.writeHead(podId, headBytes);
  const cleanSeq = Math.min(known.seq, homeHead?.seq ?? 0);
  warnings.push(...(await removeFormerAtHome(pod, home, { headBytes, cleanSeq })));
  const sent = { seq: head.seq, recordHash: toHex(head.recordHash), sentBytes };
  if (known.seq !== head.seq || wentBack)
    await pod.append({ type: 'acknowledgeHome', url: known.url, ...sent });
  return {
    url: known.url,
    seq: head.seq,
    sentObjects,
    sentBytes,
    wireBytes,
    durationMs: performance.now() - startedMs,
    wentBack,
    warnings,
  };
}

/** That homes have acknowledged is no news to them: it travels with the next event that is. */
async function isUpToDate(pod: Pod, homeSeq: number): Promise<boolean> {
  const later = await pod.events(homeSeq + 1);
  return later.every(({ event }) => event.type === 'home.acknowledged');
}

async function readHomeHead(home: Home, pod: Pod): Promise<Head | undefined> {
  const bytes = await home.head(pod.state.podId);
  if (bytes === undefined) return undefined;
  try {
    return decodeHead(bytes, pod.sealing);
  } catch (cause) {
    throw new DeskPodError('HOME_DAMAGED', `${home.url}: the head of this pod is not one that it wrote`, {
      hint: `Look at ${home.url}; if that copy is lost, remove this pod's folder there and sync again.`,
      cause,
    });
  }
}

/**
 * Looks at home's head once more, right before it is replaced: sending may have taken hours, and a restore may have
 * taken home over. What moves it between this look and the replacement is not noticed.
 */
async function requireUnmoved(home: Home, pod: Pod, former: Head | undefined): Promise<void> {
  const now = await readHomeHead(home, pod);
  if (now !== undefined) await requireOurHistory(pod, now, home.url);
  const [seq, formerSeq] = [now?.seq ?? 0, former?.seq ?? 0];
  if (seq >= formerSeq) return;
  // What was sent goes with the former head only.
  throw new DeskPodError(
    'HOME_DAMAGED',
    `${home.url}: its head went back from ${formerSeq} to ${seq} while this pod was sent there`,
    {
      hint: 'Run `deskpod sync` again: it sends whatever home lacks.',
      details: { seq, formerSeq },
    },
  );
}

async function requireOurHistory(pod: Pod, homeHead: Head, url: string): Promise<void> {
  const ours = await pod.recordHash(homeHead.seq);
  if (ours === toHex(homeHead.recordHash)) return;
  if (homeHead.epoch > pod.state.epoch) {
    throw new DeskPodError(
      'HOME_FENCED',
      `${url} belongs to a newer device of this pod (epoch ${homeHead.epoch}, this device is of epoch ${pod.state.epoch})`,
      {
        hint: 'This device was replaced by a restore. What it holds stays on it; home stays with the newer one.',
        details: { homeEpoch: homeHead.epoch, epoch: pod.state.epoch },
      },
    );
  }
  throw new DeskPodError(
    'HOME_FOREIGN',
    `${url} holds another history of this pod: its log stands at ${homeHead.seq}, this one at ${pod.state.seq}`,
    {
      hint: 'Another copy of this device has synced there, and home stays with it.',
      details: { homeSeq: homeHead.seq, seq: pod.state.seq },
    },
  );
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
