// Taking over: a home copies what lies sealed on a device that nobody has opened, up to its last head. It reads nothing of it.
import { join } from 'node:path';
import { equalBytes, toHex } from '../../core/bytes.ts';
import type { HomeNote } from '../../core/decide.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { RestoreProven } from '../../core/events.ts';
import { decodeHead, type Head, peekHead } from '../../core/head.ts';
import type { InventoryEntry } from '../../core/inventory.ts';
import { decodeMarker } from '../../core/marker.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { hashing } from '../hashing.ts';
import type { Home } from '../home/home.ts';
import { findGrant, type HomeGrant } from '../keyring/home-grant.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { hashFile, isNamedBy } from '../repository/hashed-file.ts';
import { readMarkerFile } from '../repository/plain-file.ts';
import { type ObjectKind, Repository } from '../repository/repository.ts';
import { storeInventory } from '../retention/put-inventory.ts';
import { Arrivals } from './arrivals.ts';
import { refused, requireContinuation } from './continuation.ts';
import { leaveNote } from './note-file.ts';
import { requirePossibleLengths } from './possible-lengths.ts';
import { entriesOfHead, findVouched } from './vouched-objects.ts';

/** The plain part of a device, mounted and held by whoever asks, or the folder of a tree pod. */
export interface DockedPlace {
  readonly repositoryDir: string;
  readonly markerFile: string;
}

/** A drill, as a pod's log is told of it. */
export type ProvenByDrill = Omit<RestoreProven, 'type' | 'v' | 'url'>;

/** What is taken over, and where to. */
export interface TakeOverPlan {
  readonly place: DockedPlace;
  /** The home in a folder of this computer. */
  readonly home: Home;
  readonly homeDir: string;
  /** Of this computer as a home: `AGE-SECRET-KEY-1…`. */
  readonly identity: string;
  /** What was proven of a pod by a drill since it was last here: for its log. */
  readonly provenOf?: (podId: string) => Promise<ProvenByDrill | undefined>;
  /** Told when sending begins, and when what came is about to be hashed. */
  readonly onStep: (step: 'sync' | 'verify') => void;
  readonly onProgress: ProgressListener;
  /** Stops it (CANCELLED): home has its former head then. */
  readonly signal?: AbortSignal;
}

/** What was taken over. */
export interface TakeOverReport {
  readonly podId: string;
  readonly deviceId: string;
  /** What the pod calls this home. */
  readonly url: string;
  readonly epoch: number;
  /** Position of home's head before, and now. */
  readonly formerSeq: number;
  readonly seq: number;
  readonly sentObjects: number;
  readonly sentBytes: number;
  readonly durationMs: number;
  /** True if the pod lets this home read it. */
  readonly mayRead: boolean;
  /** What could not be done besides, in sentences. */
  readonly warnings: readonly string[];
}

/**
 * Brings home up to the head that lies on a device. Everything comes before home's head moves, and is hashed before it gets its
 * place: a sync by the pod's owner, who hashes nothing at home, can build on all that lies there. Killed anywhere, home has its
 * former head, complete.
 *
 * @throws DeskPodError DOCK_REFUSED with `details.reason`, before anything is touched; HOME_NOT_FOUND, HOME_FULL,
 * TARGET_WRITE_FAILED, HOME_FOREIGN if another device moved home's head meanwhile; OBJECT_DAMAGED if the device does not
 * give what its names promise, or claims a length that cannot be: home keeps nothing of that
 */
export async function takeOver(plan: TakeOverPlan): Promise<TakeOverReport> {
  const startedMs = performance.now();
  const { place, home } = plan;
  const repository = await Repository.open(place.repositoryDir);
  const proven = await proveDevice(repository, plan);
  const { grant, head, headBytes } = proven;
  const podId = toHex(grant.podId);
  const { head: former, headBytes: formerBytes } = proveHome(await home.head(podId), grant, home.url);
  const report = (sent: Sent, warning: string | undefined): TakeOverReport => ({
    ...{ podId, deviceId: toHex(head.deviceId), url: grant.url, epoch: head.epoch },
    ...{ formerSeq: former.seq, seq: head.seq, ...sent },
    durationMs: performance.now() - startedMs,
    mayRead: grant.secrets !== undefined,
    warnings: warning === undefined ? [] : [warning],
  });
  if (equalBytes(formerBytes, headBytes))
    return report({ sentObjects: 0, sentBytes: 0 }, await leaveWord(plan, proven, 0));
  await requireContinuation(repository, home, podId, { device: head, home: former });
  plan.onStep('sync');
  const sent = await sendAll(repository, plan, proven, formerBytes);
  const now = await home.head(podId);
  if (now === undefined || !equalBytes(now, formerBytes)) {
    throw new DeskPodError('HOME_FOREIGN', `${home.url}: another device of this pod came home meanwhile`, {
      hint: 'Plug this one in again: home looks which of them goes on.',
      details: { podId },
    });
  }
  await home.writeHead(podId, headBytes);
  return report(sent, await leaveWord(plan, proven, sent.sentBytes));
}

/** Leaves the pod a note for its log; answers why that failed, if it did: home is up to date all the same. */
async function leaveWord(
  { place, provenOf }: TakeOverPlan,
  { grant, head }: ProvenDevice,
  sentBytes: number,
): Promise<string | undefined> {
  const { url, podId, logKey } = grant;
  const proven = await provenOf?.(toHex(podId));
  const at = { seq: head.seq, recordHash: toHex(head.recordHash), dockedAtMs: Date.now() };
  const notes: HomeNote[] = [
    { type: 'home.docked', v: 1, url, ...at, sentBytes },
    ...(proven === undefined ? [] : [{ type: 'restore.proven' as const, v: 1 as const, url, ...proven }]),
  ];
  try {
    await leaveNote(place, { podId, sealing: { hashing, logKey } }, notes);
    return undefined;
  } catch (error) {
    if (!isDeskPodError(error, 'SPACE_EXHAUSTED')) throw error;
    return `The device has no room for a note of it: ${error.message}`;
  }
}

type Sent = Pick<TakeOverReport, 'sentObjects' | 'sentBytes'>;

interface ProvenDevice {
  readonly grant: HomeGrant;
  readonly head: Head;
  readonly headBytes: Uint8Array;
}

/** Head, keyring and marker of the device, of one pod and by one key; that it is the pod's own key, home's head shows. */
async function proveDevice(
  repository: Repository,
  { place, identity }: Pick<TakeOverPlan, 'place' | 'identity'>,
): Promise<ProvenDevice> {
  const headBytes = await repository.readHead();
  if (headBytes === undefined)
    throw refused(
      'stranger',
      'expected the head of a pod on the device, got none',
      'Nothing was ever saved on it.',
    );
  try {
    const keyringBytes = await repository.readObject('keyrings', toHex(peekHead(headBytes).keyring));
    const grant = await findGrant(keyringBytes, identity);
    if (grant === undefined) {
      throw refused(
        'not-allowed',
        'the pod does not let this home take it over by itself',
        'Its owner allows that with `deskpod home allow URL`, or syncs himself with `deskpod sync`.',
      );
    }
    const sealing = { hashing, logKey: grant.logKey };
    const head = decodeHead(headBytes, sealing);
    const marker = decodeMarker(await readMarkerFile(place.markerFile), sealing);
    if (!equalBytes(head.podId, grant.podId) || !equalBytes(marker.podId, grant.podId))
      throw refused('stranger', 'marker, head and keyring on the device are of several pods');
    return { grant, head, headBytes };
  } catch (error) {
    if (!isDeskPodError(error) || !DAMAGES.has(error.code)) throw error;
    throw refused('stranger', `what lies on the device is no pod's: ${error.message}`, error.hint, error);
  }
}

const DAMAGES: ReadonlySet<string> = new Set([
  ...['HEAD_DAMAGED', 'KEYRING_DAMAGED', 'MARKER_DAMAGED', 'OBJECT_DAMAGED', 'OBJECT_MISSING'],
]);

/** Whoever knows home's recipient can grant it something; what the owner once synced himself tells whose pod it is. */
function proveHome(
  headBytes: Uint8Array | undefined,
  { podId, logKey }: HomeGrant,
  url: string,
): Pick<ProvenDevice, 'head' | 'headBytes'> {
  if (headBytes === undefined) {
    throw refused(
      'first-sync',
      `${url} has nothing of pod ${toHex(podId)} yet`,
      'Its first sync is its owner’s: `deskpod sync`.',
    );
  }
  try {
    return { head: decodeHead(headBytes, { hashing, logKey }), headBytes };
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    throw refused(
      'another-pod',
      `the device says that it is pod ${toHex(podId)}, and what ${url} has of that says otherwise`,
      'Somebody may have made it to harm this home: do not trust it. If home’s head is damaged, `deskpod sync` says so.',
      error,
    );
  }
}

async function sendAll(
  repository: Repository,
  { home, homeDir, onStep, onProgress, signal }: TakeOverPlan,
  { grant, head, headBytes }: ProvenDevice,
  formerBytes: Uint8Array,
): Promise<Sent> {
  const podId = toHex(grant.podId);
  const podDir = join(homeDir, 'pods', podId);
  const objects = [
    ...(await pathsOf(repository, 'packs')),
    ...(await pathsOf(repository, 'segments')),
    ...(await pathsOf(repository, 'bases')),
    pathOf(repository, 'keyrings', toHex(head.keyring)),
  ];
  await requirePossibleLengths(repository.dir, objects);
  const former = await entriesOfHead(podDir, formerBytes);
  const inventory = await putWholeInventory(repository, headBytes, former);
  const options = signal === undefined ? {} : { signal };
  // before home is asked what it has: a prune there takes nothing away then that this head needs
  await home.push(repository.dir, podId, inventory, { isUnasked: true, ...options });
  const present = await home.list(podId, objects);
  const isVouched = await findVouched(podDir, formerBytes);
  const told = { onProgress, ...options };
  // What an interrupted sync left, home has never hashed. It may be short, too: nothing can be sent over that.
  const left = objects.filter((object) => present.has(object) && !isVouched(object));
  const spoilt = new Set(await findDamaged(left, podDir, { ...told, step: 'verifying what came before' }));
  await home.remove(podId, [...spoilt]);
  const isThere = (object: string): boolean => present.has(object) && !spoilt.has(object);
  // sends nothing but pages that went in a prune which did not see the inventory yet, and requires of what is there that it has its length
  await home.push(repository.dir, podId, [...inventory, ...objects.filter(isThere)], options);
  const arrivals = new Arrivals(homeDir, podId);
  const wanted = objects.filter((object) => !isThere(object));
  const before = await arrivals.among(wanted);
  await arrivals.remove(
    await findDamaged(before, arrivals.dir, { ...told, step: 'verifying what came before' }),
  );
  const { sentObjects, sentBytes } = await arrivals.take(repository.dir, wanted, {
    ...options,
    onProgress: (progress) => onProgress({ ...progress, step: `sending to ${home.url}` }),
  });
  onStep('verify');
  const step = 'verifying what came';
  const wrong = await findDamaged(inventory, podDir, { ...told, step });
  const damaged = await findDamaged(wanted, arrivals.dir, { ...told, step });
  if (wrong.length + damaged.length === 0) {
    await arrivals.settle(wanted);
    return { sentObjects, sentBytes };
  }
  await home.remove(podId, wrong);
  await arrivals.remove(damaged);
  throw new DeskPodError(
    'OBJECT_DAMAGED',
    `${damaged[0] ?? wrong[0]} on the device does not have the bytes that its name promises`,
    {
      hint: 'Home keeps what it had. `deskpod verify -d DEVICE --read-data --home URL` heals the device from home.',
      details: { podId, damaged: [...damaged, ...wrong] },
    },
  );
}

/** Those objects below a folder that do not have the bytes that their names promise: what the device wrote under them is hashed. */
async function findDamaged(
  objects: readonly string[],
  dir: string,
  { step, onProgress, signal }: Pick<TakeOverPlan, 'onProgress' | 'signal'> & { readonly step: string },
): Promise<string[]> {
  const damaged: string[] = [];
  for (const [index, object] of objects.entries()) {
    signal?.throwIfAborted();
    onProgress({ step, doneFiles: index, totalFiles: objects.length });
    if (!(await bearsItsName(dir, object))) damaged.push(object);
  }
  return damaged;
}

async function bearsItsName(dir: string, object: string): Promise<boolean> {
  try {
    return isNamedBy(object, (await hashFile(join(dir, object))).sha256);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * The inventory of a head whose needs only its log tells: everything that lies there, and what home's head needs so far, as a
 * device may lack what only home has: what is damaged there, or awaited after a restore. That is more, never less; the next sync by
 * the pod itself brings one of just what it needs.
 */
async function putWholeInventory(
  repository: Repository,
  headBytes: Uint8Array,
  former: readonly InventoryEntry[],
): Promise<string[]> {
  const entries = new Map(former.map((entry) => [entry.name, entry]));
  for (const kind of ['packs', 'bases'] as const)
    for (const name of await repository.listObjects(kind)) entries.set(name, { kind, name });
  return storeInventory(repository, headBytes, [...entries.values()]);
}

async function pathsOf(repository: Repository, kind: ObjectKind): Promise<string[]> {
  return (await repository.listObjects(kind)).map((name) => pathOf(repository, kind, name));
}

function pathOf(repository: Repository, kind: ObjectKind, name: string): string {
  return repository.objectPath(kind, name).slice(repository.dir.length + 1);
}
