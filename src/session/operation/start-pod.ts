// Starting a pod: under a supervisor of its own, which stays when the command that started it has ended.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { peekMarkerIn } from '../../sync/keyring/unlock.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { treePodFolder } from '../../sync/pod/pod-folder.ts';
import { requireRoot } from '../host/root-rights.ts';
import type { StartChoice } from '../pod/start-choice.ts';
import { type LaunchOrder, launchSupervisor } from '../supervisor/launch.ts';
import { requireTier } from '../tier/examine-tier.ts';
import { judgeTakeover } from '../twin/judge-takeover.ts';
import { promoteTree } from '../twin/promote-tree.ts';
import { credentialOf, isSupervised, type OperateOptions } from './operate.ts';
import type { StartReport } from './operations.ts';
import { findPod } from './target.ts';

/** What is to be started. */
export interface StartRequest extends StartChoice, OperateOptions {
  readonly devicePath: string | undefined;
  /**
   * Asks whether the device that a twin at `place` follows is lost; throws if it is not, or if nobody can be asked.
   * `besides`: why it must be asked, though the twin was told to go on by itself.
   */
  readonly confirmPromotion: (place: string, besides: string | undefined) => Promise<void>;
  /** Somebody has said that it is lost: nothing is looked at. */
  readonly isLossKnown?: boolean;
  /** Given what the screen showed when the session was suspended, as PNG in base64, before it goes on. */
  readonly onPicture?: (pngBase64: string) => void;
}

/** What starting a twin means, for whoever is asked whether to. */
export function twinMeaning(place: string): string {
  return (
    `${place} is a twin: started, it becomes the pod, and what the device that it follows does from then on is a branch ` +
    'at their homes'
  );
}

/** What `start` answers for the twin of a tree pod, which has no session. */
export interface StartedTree {
  readonly podId: string;
  readonly promotion: NewDevice;
}

/**
 * Starts or resumes the session of the pod on a device. A twin becomes the pod first, if its lease is out or that is
 * confirmed.
 *
 * @throws DeskPodError SESSION_ALREADY_RUNNING, ROOT_NEEDED, TIER_UNAVAILABLE, USAGE for a tree pod that is no twin, and what opening,
 * promoting and starting throw
 */
export async function startPod(request: StartRequest): Promise<StartReport | StartedTree> {
  const target = await findPod(request.devicePath);
  if (target.kind === 'tree') {
    const { dir } = target;
    if ((await peekMarkerIn({ ...treePodFolder(dir), place: dir })).isTwin) {
      const { checkpoint, onProgress } = request;
      const notes = await settleLoss(dir, request);
      const promoted = await promoteTree(dir, await credentialOf(request), checkpoint, onProgress);
      const promotion = { ...promoted, warnings: [...notes, ...promoted.warnings] };
      return { podId: promotion.podId, promotion };
    }
    throw new DeskPodError('USAGE', `${dir} is a tree pod: it has no session to start`, {
      hint: 'Sessions live in pods made by `deskpod create DEVICE`.',
    });
  }
  requireRoot('starting a session');
  // before a passphrase is asked for, and again before anything of the session is touched
  if (request.requiredTier !== undefined) await requireTier(request.requiredTier);
  if (await isSupervised(target, request)) {
    throw new DeskPodError(
      'SESSION_ALREADY_RUNNING',
      `${target.path}: the session of this pod is running already`,
      {
        hint: 'See it with `deskpod view`, or end it with `deskpod suspend`.',
      },
    );
  }
  const { choice, geometry, checkpoint, requiredTier, onProgress, onPicture } = request;
  const order: LaunchOrder = {
    devicePath: target.path,
    credential: await credentialOf(request),
    mode: 'start',
    start: {
      ...{ choice, geometry },
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(requiredTier === undefined ? {} : { requiredTier }),
    },
  };
  try {
    return await launchSupervisor(order, onProgress, onPicture);
  } catch (error) {
    // only who mounts it sees that it is one
    if (!isDeskPodError(error, 'POD_IS_TWIN')) throw error;
    const notes = await settleLoss(target.path, { ...request, credential: async () => order.credential });
    const report = await launchSupervisor({ ...order, promotes: true }, onProgress, onPicture);
    return { ...report, warnings: [...notes, ...report.warnings] };
  }
}

/** Returns once the device that a twin follows counts as lost; with what is to be told of that. */
async function settleLoss(path: string, request: StartRequest): Promise<string[]> {
  if (request.isLossKnown === true) return [];
  const judged = await judgeTakeover(path, await credentialOf(request), Date.now());
  if (judged.isFree)
    return [`${path}: ${judged.reason}. If the device that it follows turns up, it does not start.`];
  await request.confirmPromotion(path, judged.reason);
  return [];
}
