// One device at home, once: the pod that runs from it is asked to come home, or what lies on it is taken over sealed.
import { realpath } from 'node:fs/promises';
import type { DockResult, DockSignal } from '../../core/dock-machine.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { refused } from '../../sync/dock/continuation.ts';
import { readHomeIdentity } from '../../sync/dock/home-identity.ts';
import {
  type ProvenByDrill,
  type TakeOverPlan,
  type TakeOverReport,
  takeOver,
} from '../../sync/dock/take-over.ts';
import { positionAtHome, verifyArrival } from '../../sync/dock/verify-arrival.ts';
import type { Home } from '../../sync/home/home.ts';
import { parseHomeUrl } from '../../sync/home/home-url.ts';
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { devicePodFolder, treePodFolder } from '../../sync/pod/pod-folder.ts';
import type { SyncReport } from '../../sync/pod/replicate.ts';
import { lockTree } from '../../sync/pod/tree.ts';
import { syncFileSystem } from '../../sync/posix/sync.ts';
import type { Place } from '../dashboard/places.ts';
import { abandonDevice, mountDevice, pulledOut } from '../device/device.ts';
import { withHooks } from '../hooks/step-hooks.ts';
import { stagingOf } from '../host/staging.ts';
import type { Operations, StatusReport } from '../operation/operations.ts';
import { readSessionNote } from '../pod/session-note.ts';
import { callAttentively, supervisorListens } from '../supervisor/client.ts';
import { findTreeSocket } from '../supervisor/tree-socket.ts';
import { fromWireError, type WireError } from '../supervisor/wire.ts';
import { withoutLinks } from './linkless-view.ts';

/** The home that devices meet, and what it may do. */
export interface DockSettings {
  /** A folder of this computer. */
  readonly homeDir: string;
  /** The file with the identity of this home. */
  readonly identityFile: string;
  /** What was proven of a pod by a drill since it was last here. */
  readonly provenOf?: (podId: string) => Promise<ProvenByDrill | undefined>;
  readonly onProgress: ProgressListener;
  /** How long a supervisor may say nothing before its pod counts as one that cannot be asked; some seconds without it. */
  readonly silenceMs?: number;
}

/** Told what happens to the device, as it happens. */
export type EmitSignal = (signal: DockSignal) => void;

/**
 * Brings what is on a device home, between the hooks of that. What it says in the end is said before those that come after.
 *
 * @throws DeskPodError DOCK_REFUSED; POD_BUSY while another process has it; DEVICE_GONE if it was pulled out; HOOK_FAILED,
 * HOOK_REFUSED; what home or its pod throws. Nothing of the device stays on this computer then, and home has its former head.
 */
export async function dockDevice(
  place: Place,
  settings: DockSettings,
  emit: EmitSignal,
  signal: AbortSignal,
): Promise<void> {
  const { marker, path } = place;
  const pod = { podId: marker.podId, kind: marker.kind, place: path };
  await withHooks(pod, 'dock', { onProgress: settings.onProgress }, async () => {
    let facts: object = {};
    const note: EmitSignal = (each) => {
      if (each.type === 'keep' || each.type === 'release') facts = factsOf(each);
      emit(each);
    };
    await bringHome(place, settings, note, signal);
    return facts;
  });
}

/** What hooks are told. */
function factsOf({ type, result }: DockSignal & { readonly result: DockResult }): object {
  const { seq, sentObjects, sentBytes, durationMs } = result;
  return { isSafeToUnplug: type === 'release', seq, sentObjects, sentBytes, durationMs };
}

async function bringHome(
  place: Place,
  settings: DockSettings,
  emit: EmitSignal,
  signal: AbortSignal,
): Promise<void> {
  const home = openRsyncHome(settings.homeDir);
  const { state, cause } = await home.probe();
  if (state !== 'ready') throw cause;
  const socket = await listeningSocket(place, settings.silenceMs);
  if (socket !== undefined) {
    try {
      emit({ type: 'open' });
      emit({ type: 'keep', result: await askPod(socket.path, place, settings, emit, signal) });
    } finally {
      socket.close();
    }
    return;
  }
  if (place.kind === 'folder') await dockTree(place, home, settings, emit, signal);
  else await dockLocked(place, home, settings, emit, signal);
}

/** True while a supervisor answers for the pod there. @throws DeskPodError SUPERVISOR_UNREACHABLE if it says nothing */
export async function isInUse(place: Place): Promise<boolean> {
  const socket = await listeningSocket(place);
  socket?.close();
  return socket !== undefined;
}

/** True for a pod in use that brings nothing home but over a network, as it knows no home by this folder. */
export async function usesNetwork(place: Place, homeDir: string): Promise<boolean> {
  const socket = await listeningSocket(place);
  if (socket === undefined) return false;
  try {
    const ask = { onProgress: () => undefined };
    const { homes } = await callAttentively<StatusReport>(socket.path, 'status', {}, ask);
    const urls = homes.map(({ url }) => url);
    if ((await urlOfFolder(urls, homeDir)) !== undefined) return false;
    return urls.some((url) => /^(?:ssh|daemon)$/.test(parseHomeUrl(url).kind));
  } finally {
    socket.close();
  }
}

async function listeningSocket(
  place: Place,
  silenceMs?: number,
): Promise<{ path: string; close(): void } | undefined> {
  const socket =
    place.kind === 'folder'
      ? findTreeSocket(place.path)
      : { path: stagingOf(place.id).supervisorSocket, close: () => undefined };
  if (socket === undefined) return undefined;
  let isListening = false;
  try {
    isListening = await supervisorListens(socket.path, silenceMs);
    return isListening ? socket : undefined;
  } finally {
    if (!isListening) socket.close();
  }
}

/** The pod is open here: its supervisor makes a checkpoint, and syncs. */
async function askPod(
  socketPath: string,
  { marker: { podId } }: Place,
  { homeDir, onProgress, silenceMs }: DockSettings,
  emit: EmitSignal,
  signal: AbortSignal,
): Promise<DockResult> {
  const startedMs = performance.now();
  const sinceMs = Date.now();
  const ask = <Answer>(name: string, parameters: object): Promise<Answer> =>
    callAttentively<Answer>(socketPath, name, parameters, { onProgress, signal, silenceMs });
  const { homes, deviceId } = await ask<StatusReport>('status', {});
  if (homes.length === 0) {
    throw new DeskPodError('HOME_UNKNOWN', `pod ${podId} has no home`, {
      hint: `Add this one with \`deskpod home add ${homeDir}\`.`,
    });
  }
  const warnings: string[] = [];
  emit({ type: 'checkpoint' });
  // what keeps it from a checkpoint keeps home from nothing that is sealed already
  await ask('checkpoint', { isForDock: true }).catch((error: unknown) => {
    if (!isDeskPodError(error) || error.code === 'SUPERVISOR_UNREACHABLE') throw error;
    warnings.push(`No checkpoint was made: ${error.message}.`);
  });
  signal.throwIfAborted();
  emit({ type: 'sync' });
  const url = await urlOfFolder(
    homes.map((known) => known.url),
    homeDir,
  );
  const outcomes = await ask<Operations['sync']['answer']>('sync', url === undefined ? {} : { url });
  const reports = outcomes.homes.flatMap((outcome) => ('error' in outcome ? [] : [outcome]));
  const [failed] = outcomes.homes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
  if (failed !== undefined && (url !== undefined || reports.length === 0)) throw fromWireError(failed);
  const seq = await requireArrival(homeDir, podId, deviceId, reports, failed);
  emit({ type: 'verify' });
  await verifyArrival(homeDir, podId, sinceMs, { onProgress, signal });
  return {
    seq,
    sentObjects: reports.reduce((sum, { sentObjects }) => sum + sentObjects, 0),
    sentBytes: reports.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    durationMs: performance.now() - startedMs,
    warnings: [...warnings, ...reports.flatMap((report) => [...report.notices, ...report.warnings])],
  };
}

/**
 * The position up to which this home has the pod. A sync says that all is at some home: that it is this one, what lies here
 * shows, as the pod may call it by whatever address.
 *
 * @throws DeskPodError HOME_UNKNOWN
 */
async function requireArrival(
  homeDir: string,
  podId: string,
  deviceId: string,
  reports: readonly SyncReport[],
  failed: WireError | undefined,
): Promise<number> {
  // a copy got a name of its own when it was synced; home's head by the former name is another's
  const ownId = reports.findLast(({ branch }) => branch !== undefined)?.branch ?? deviceId;
  const seq = await positionAtHome(homeDir, podId, ownId);
  // what is later at one home than at another is that the other has it
  const syncedSeq = Math.min(...reports.map((report) => report.seq));
  if (seq !== undefined && seq >= syncedSeq) return seq;
  const has = seq === undefined ? 'nothing of this device' : `this device up to position ${seq} only`;
  throw new DeskPodError(
    'HOME_UNKNOWN',
    `pod ${podId} was synced up to position ${syncedSeq}, but not to ${homeDir}, which has ${has}`,
    {
      hint:
        `Add it with \`deskpod home add ${homeDir}\`. If the pod has it by another address, \`deskpod sync\` says why ` +
        'that failed, or which device home goes on with.',
      details: { podId, syncedSeq, ...(seq === undefined ? {} : { seq }) },
      ...(failed === undefined ? {} : { cause: fromWireError(failed) }),
    },
  );
}

/** What a pod calls the home in this folder, if it reaches it as a folder. */
async function urlOfFolder(urls: readonly string[], homeDir: string): Promise<string | undefined> {
  // one that is away is nobody's folder
  const here = await realpath(homeDir).catch(() => undefined);
  if (here === undefined) return undefined;
  for (const url of urls) {
    const { kind, path } = parseHomeUrl(url);
    if (kind === 'folder' && (await realpath(path).catch(() => undefined)) === here) return url;
  }
  return undefined;
}

/** A device that nobody has open: on return it can be unplugged. */
async function dockLocked(
  place: Place,
  home: Home,
  settings: DockSettings,
  emit: EmitSignal,
  signal: AbortSignal,
): Promise<void> {
  if ((await readSessionNote(stagingOf(place.id))) !== undefined) {
    throw new DeskPodError('POD_BUSY', `${place.path}: its session runs without a supervisor`, {
      hint: 'Any command takes it over: `deskpod status`.',
    });
  }
  const plan = await planOf(home, settings, emit, signal);
  const device = await mountDevice(place.path);
  let report: TakeOverReport;
  try {
    emit({ type: 'open' });
    report = await takeOver({ ...plan, place: devicePodFolder(device.mountDir, device.mountDir) });
    await device.unmount();
  } catch (error) {
    if (await abandonDevice(device)) throw pulledOut(place.path, error);
    await device.unmount().catch((failure: unknown) => {
      // what went wrong first is told; that it is still mounted is told by whoever tries the next time
      if (!isDeskPodError(failure)) throw failure;
    });
    throw error;
  }
  emit({ type: 'release', result: resultOf(report) });
}

/** A tree pod on a file system that others have mounted: it is written through, and they let go of it. */
async function dockTree(
  place: Place,
  home: Home,
  settings: DockSettings,
  emit: EmitSignal,
  signal: AbortSignal,
): Promise<void> {
  const plan = await planOf(home, settings, emit, signal);
  await withoutLinks(place.path, async (dir) => {
    const lock = await lockTree(dir);
    try {
      emit({ type: 'open' });
      const report = await takeOver({ ...plan, place: treePodFolder(dir) });
      await syncFileSystem(dir);
      emit({ type: 'keep', result: resultOf(report) });
    } finally {
      lock.release();
    }
  });
}

async function planOf(
  home: Home,
  { homeDir, identityFile, provenOf, onProgress }: DockSettings,
  emit: EmitSignal,
  signal: AbortSignal,
): Promise<Omit<TakeOverPlan, 'place'>> {
  const identity = await readHomeIdentity(identityFile);
  if (identity === undefined) {
    throw refused(
      'not-allowed',
      `this home has no identity yet, at ${identityFile}`,
      'Make it with `deskpod home identity`; the owner of the pod then allows it with `deskpod home allow URL`.',
    );
  }
  return {
    ...{ home, homeDir, onProgress, signal },
    identity: identity.identity,
    onStep: (type) => emit({ type }),
    ...(provenOf === undefined ? {} : { provenOf }),
  };
}

function resultOf({ seq, sentObjects, sentBytes, durationMs, warnings }: TakeOverReport): DockResult {
  return { seq, sentObjects, sentBytes, durationMs, warnings };
}
