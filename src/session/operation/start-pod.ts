// Starting a pod: under a supervisor of its own, which stays when the command that started it has ended.
import { DeskPodError } from '../../core/errors.ts';
import { requireRoot } from '../host/root-rights.ts';
import type { StartChoice } from '../pod/start-choice.ts';
import { launchSupervisor } from '../supervisor/launch.ts';
import { credentialOf, isSupervised, type OperateOptions } from './operate.ts';
import type { StartReport } from './operations.ts';
import { findPod } from './target.ts';

/** What is to be started. */
export interface StartRequest extends StartChoice, OperateOptions {
  readonly devicePath: string | undefined;
}

/**
 * Starts or resumes the session of the pod on a device.
 *
 * @throws DeskPodError SESSION_ALREADY_RUNNING, ROOT_NEEDED, USAGE for a tree pod, and what opening and starting throw
 */
export async function startPod(request: StartRequest): Promise<StartReport> {
  requireRoot('starting a session');
  const target = await findPod(request.devicePath);
  if (target.kind === 'tree') {
    throw new DeskPodError('USAGE', `${target.dir} is a tree pod: it has no session to start`, {
      hint: 'Sessions live in pods made by `deskpod create DEVICE`.',
    });
  }
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
