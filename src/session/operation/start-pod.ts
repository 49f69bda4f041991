// Starting a pod: under a supervisor of its own, which stays when the command that started it has ended.
import { DeskPodError } from '../../core/errors.ts';
import { treePodFolder } from '../../sync/pod/pod-folder.ts';
import type { Promotion } from '../../sync/pod/promote-twin.ts';
import { isTwinAt } from '../../sync/pod/twin.ts';
import { requireRoot } from '../host/root-rights.ts';
import type { StartChoice } from '../pod/start-choice.ts';
import { launchSupervisor } from '../supervisor/launch.ts';
import { promoteTree } from '../twin/promote-tree.ts';
import { credentialOf, isSupervised, type OperateOptions } from './operate.ts';
import type { StartReport } from './operations.ts';
import { findPod } from './target.ts';

/** What is to be started. */
export interface StartRequest extends StartChoice, OperateOptions {
  readonly devicePath: string | undefined;
}

/** What `start` answers for the twin of a tree pod, which has no session. */
export interface StartedTree {
  readonly podId: string;
  readonly promotion: Promotion;
}

/**
 * Starts or resumes the session of the pod on a device. A twin becomes the pod first.
 *
 * @throws DeskPodError SESSION_ALREADY_RUNNING, ROOT_NEEDED, USAGE for a tree pod that is no twin, and what opening,
 * promoting and starting throw
 */
export async function startPod(request: StartRequest): Promise<StartReport | StartedTree> {
  const target = await findPod(request.devicePath);
  if (target.kind === 'tree') {
    if (await isTwinAt(treePodFolder(target.dir).markerFile)) {
      const promotion = await promoteTree(target.dir, await credentialOf(request), request.onProgress);
      return { podId: promotion.podId, promotion };
    }
    throw new DeskPodError('USAGE', `${target.dir} is a tree pod: it has no session to start`, {
      hint: 'Sessions live in pods made by `deskpod create DEVICE`.',
    });
  }
  requireRoot('starting a session');
  if (await isSupervised(target, request)) {
    throw new DeskPodError(
      'SESSION_ALREADY_RUNNING',
      `${target.path}: the session of this pod is running already`,
      {
        hint: 'See it with `deskpod view`, or end it with `deskpod suspend`.',
      },
    );
  }
  const { choice, geometry, checkpoint } = request;
  const credential = await credentialOf(request);
  return launchSupervisor(
    {
      devicePath: target.path,
      credential,
      mode: 'start',
      start: { choice, geometry, ...(checkpoint === undefined ? {} : { checkpoint }) },
    },
    request.onProgress,
  );
}
