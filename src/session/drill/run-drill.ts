// A restore drill: a pod is rebuilt from home into a scratch place, proven to the last byte, resumed if it has a session, and removed.
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { likenessOf } from '../../core/picture-likeness.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { browsePod } from '../../sync/browse/browsed-pod.ts';
import { readPicture } from '../../sync/browse/checkpoint-picture.ts';
import type { ProvenByDrill } from '../../sync/dock/take-over.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { type FetchablePod, requireObjects } from '../../sync/pod/objects-at-home.ts';
import { foldRecords, type Pod } from '../../sync/pod/pod.ts';
import { choosePod } from '../../sync/pod/rebuild.ts';
import { surveyPod } from '../../sync/pod/survey.ts';
import { openTree } from '../../sync/pod/tree.ts';
import { withScratchFolder } from '../../sync/scratch-folder.ts';
import { countLeft } from '../../sync/verify/verify-report.ts';
import { verifyPod } from '../operation/verify-pod.ts';
import { afterwards } from '../pod/afterwards.ts';
import { Desktop } from '../pod/desktop.ts';
import { openDevice } from '../pod/open-device.ts';
import { restorePod } from '../pod/restore-pod.ts';
import { ScreenPicture } from '../pod/screen-picture.ts';
import { decodePng } from '../rfb/screenshot.ts';
import { withSource } from '../twin/restore-source.ts';
import { DEVICE_NAME, drillScratch, sweepDrills } from './drill-scratch.ts';

/** What is to be proven. */
export interface DrillPlan {
  /** The URL of a home, or the place of a twin. */
  readonly from: string;
  readonly podId?: string;
  readonly credential: Credential;
  /** The newest without it. */
  readonly checkpoint?: number;
  /** Whether the session, if the checkpoint has one, is to go on. */
  readonly resumes: boolean;
  /** The folder in which room is taken for as long as it lasts. */
  readonly scratchDir: string;
  readonly onProgress: ProgressListener;
  /** Stops it (CANCELLED): all that it made is removed then. */
  readonly signal?: AbortSignal;
}

/** What was proven. */
export interface DrillReport extends ProvenByDrill {
  readonly podId: string;
  readonly url: string;
  readonly podKind: 'desktop' | 'tree';
  readonly checkpointAtMs: number;
  readonly fileCount: number;
  readonly fileBytes: number;
  /** What the session showed, compared with the checkpoint's picture: the share of pixels that are the same. */
  readonly likeness?: number;
  /** Why the session was not resumed, in a sentence, if it was asked for. */
  readonly noSession?: string;
}

/** A clock, a cursor that blinks and a line that scrolls are less of a screen than this leaves. */
const LIKE_ENOUGH = 0.9;
const MEBIBYTE = 2 ** 20;
/** For the file system and the vault, and what a session writes when it goes on. */
const SPARE_BYTES = 512 * MEBIBYTE;
const SPARE_SHARE = 1.3;
const GEOMETRY = { width: 1280, height: 800 };

/**
 * Rebuilds a pod from home and takes it away again. Home is only read: its head does not move, and no device is fenced. The
 * copy never syncs, and its session has no network. What drills that were killed left in the same place goes first.
 *
 * @throws DeskPodError as a restore does; OBJECT_DAMAGED, RESUME_FAILED if what was rebuilt is not what was sealed; CANCELLED;
 * DEVICE_IN_USE if the copy cannot be removed, as something on this host uses it
 */
export async function runDrill(plan: DrillPlan): Promise<DrillReport> {
  await sweepDrills(plan.scratchDir);
  const surveyed = await withSource(
    plan.from,
    async () => plan.credential,
    async (home) => {
      const { credential, checkpoint } = plan;
      const podId = await choosePod(home, plan.podId);
      const wanted = checkpoint === undefined ? {} : { checkpoint };
      return requireObjects(await surveyPod({ home, podId, credential, ...wanted }), false);
    },
  );
  const { signal } = plan;
  return withScratchFolder(async (folder) => {
    try {
      signal?.throwIfAborted();
      return await drillIn(folder, plan, surveyed);
    } catch (error) {
      // whatever a stop breaks off, it is the stop that is told
      throw signal?.aborted === true ? stopped(error) : error;
    }
  }, drillScratch(plan.scratchDir));
}

/** It reaches whoever asked only once the scratch folder is gone. */
function stopped(cause: unknown): DeskPodError {
  return new DeskPodError(
    'CANCELLED',
    'the drill was stopped; its copy and all else that it made is removed',
    {
      hint: 'Run it again: it begins anew.',
      cause,
    },
  );
}

async function drillIn(folder: string, plan: DrillPlan, surveyed: FetchablePod): Promise<DrillReport> {
  const startedMs = performance.now();
  const { kind } = foldRecords(surveyed.records);
  const { podId, home, checkpoint } = surveyed;
  const target = join(folder, kind === 'tree' ? 'pod' : DEVICE_NAME);
  const { credential, onProgress, signal } = plan;
  const stop = signal === undefined ? {} : { signal };
  const made = await restorePod({
    ...{ from: plan.from, podId, credential, target, checkpoint: checkpoint.number },
    ...(kind === 'tree' ? {} : { sizeBytes: imageBytes(surveyed.neededBytes) }),
    ...{ isForced: false, isDrill: true, onProgress, ...stop },
  });
  const rebuiltMs = performance.now() - startedMs;
  signal?.throwIfAborted();
  if (kind === 'tree') {
    const tree = await openTree(target, credential);
    await afterwards(
      () => prove(tree.pod, plan),
      () => tree.close(),
    );
  }
  const session = kind === 'tree' ? undefined : await proveDevice(target, plan, surveyed);
  return {
    ...{
      podId,
      url: home.url,
      podKind: kind,
      checkpoint: checkpoint.number,
      checkpointAtMs: checkpoint.atMs,
    },
    fileCount: made.fileCount,
    fileBytes: made.fileBytes,
    readBytes: surveyed.neededBytes - checkpoint.stats.fileBytes,
    provenAtMs: Date.now(),
    durationMs: Math.round(rebuiltMs + (session?.resumeMs ?? 0)),
    hasSession: session?.likeness !== undefined,
    ...(session?.likeness === undefined ? {} : { likeness: session.likeness }),
    ...(session?.noSession === undefined ? {} : { noSession: session.noSession }),
  };
}

/** Every byte that was fetched has had its hash compared by the restore; here every chunk is opened and proven by its id. */
async function prove(pod: Pod, { onProgress, signal }: DrillPlan): Promise<void> {
  const asked = { depth: 'data', isHealing: false, isGivingUp: false } as const;
  const answer = await verifyPod(pod, asked, onProgress, signal);
  signal?.throwIfAborted();
  if (countLeft(answer) === 0) return;
  throw new DeskPodError(
    'OBJECT_DAMAGED',
    `what was rebuilt is not what was sealed: ${answer.damage.length} objects are damaged or missing`,
    {
      hint: 'Verify the home with the device: `deskpod verify -d DEVICE --home URL`.',
      details: { damage: answer.damage.slice(0, 20) },
    },
  );
}

/** What became of the session. */
interface DrilledSession {
  readonly resumeMs: number;
  readonly likeness?: number;
  readonly noSession?: string;
}

async function proveDevice(image: string, plan: DrillPlan, surveyed: FetchablePod): Promise<DrilledSession> {
  const { credential, onProgress, resumes } = plan;
  const desktop = await Desktop.take(await openDevice(image, credential), onProgress);
  return afterwards(
    async () => {
      await prove(desktop.pod, plan);
      if (!resumes) return { resumeMs: 0 };
      if (surveyed.checkpoint.images === undefined)
        return { resumeMs: 0, noSession: 'The checkpoint holds files only, and no session.' };
      return resume(desktop, surveyed.checkpoint.number, plan);
    },
    () => desktop.close(),
  );
}

async function resume(
  desktop: Desktop,
  number: number,
  { onProgress, signal = new AbortController().signal }: DrillPlan,
): Promise<DrilledSession> {
  const { resumeMs } = await desktop.start(
    { choice: 'default', geometry: GEOMETRY, isCutOff: true },
    onProgress,
  );
  return afterwards(
    async () => {
      signal.throwIfAborted();
      const likeness = await compareScreen(desktop, number, signal);
      signal.throwIfAborted();
      if (likeness >= LIKE_ENOUGH) return { resumeMs, likeness };
      throw new DeskPodError(
        'RESUME_FAILED',
        `the session of checkpoint ${number} went on, but ${Math.round((1 - likeness) * 100)} % of its screen shows something else`,
        { hint: 'Look at it: restore it to a device, and start it there.', details: { likeness } },
      );
    },
    // without its processes being saved: the copy goes
    () => desktop.stop(),
  );
}

/** 1 if the checkpoint has no picture: that the session's display answers is all that can be seen then. */
async function compareScreen(desktop: Desktop, number: number, signal: AbortSignal): Promise<number> {
  const { session } = desktop;
  if (session === undefined) throw new TypeError('a session that was just resumed');
  const shown = await (await ScreenPicture.take(session)).png().catch((cause: unknown) => {
    throw new DeskPodError(
      'RESUME_FAILED',
      `the session of checkpoint ${number} went on, and shows nothing`,
      {
        cause,
      },
    );
  });
  try {
    const { pngBase64 } = await readPicture(browsePod(desktop.pod), { number }, { signal });
    return likenessOf(decodePng(shown), decodePng(Buffer.from(pngBase64, 'base64')));
  } catch (error) {
    if (!isDeskPodError(error, 'PICTURE_NOT_FOUND')) throw error;
    return 1;
  }
}

function imageBytes(neededBytes: number): number {
  return Math.ceil((neededBytes * SPARE_SHARE + SPARE_BYTES) / MEBIBYTE) * MEBIBYTE;
}
