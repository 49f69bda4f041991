// Going on with a pod from any of its checkpoints, with a way back: what is there now is in a checkpoint before.
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { withOpenedPod } from './opened-pod.ts';
import { type OperateOptions, operate } from './operate.ts';
import type { StartReport } from './operations.ts';
import { startPod } from './start-pod.ts';

/** Of a fresh session's screen, where a checkpoint holds none. */
const GEOMETRY = { width: 1280, height: 800 };

/** What is to go on. */
export interface ResumeOrder {
  readonly path: string;
  readonly credential: Credential;
  /** Without it the pod goes on from where it is. */
  readonly checkpoint: number | undefined;
  readonly onProgress: ProgressListener;
}

/** What became of it. */
export interface ResumedPod {
  readonly start: StartReport;
  /** The checkpoint that has what was there before; undefined if it only went on from where it was. */
  readonly presentCheckpoint: number | undefined;
  /** The viewer's address, which works once. */
  readonly url: string;
}

/**
 * Suspends the session if one runs, then starts the pod from the checkpoint. A twin is refused unless its lease is out: only a
 * person at the command line can say that the device which it follows is lost.
 *
 * @throws DeskPodError CHECKPOINT_NOT_FOUND with nothing done; what suspending throws: the session goes on; what starting
 * throws: the pod is suspended then, or as it was
 */
export async function resumePod(order: ResumeOrder): Promise<ResumedPod> {
  const { path, credential, checkpoint, onProgress } = order;
  const options = {
    passphrase: () => Promise.reject(new TypeError('expected the credential to be used')),
    credential: async () => credential,
    onProgress,
  };
  const present = checkpoint === undefined ? undefined : await leavePresent(path, checkpoint, options);
  const start = await startPod({
    ...options,
    devicePath: path,
    choice: 'default',
    geometry: GEOMETRY,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    confirmPromotion: async (place) => {
      throw new DeskPodError('POD_IS_TWIN', `${place} is a twin, which only follows its pod`, {
        hint: `If the device that it follows is lost: deskpod start ${place}`,
        details: { place },
      });
    },
  });
  if (!('resumeMs' in start)) throw new TypeError('expected a session, got the twin of a tree pod');
  const { url } = await operate(path, 'view', {}, options);
  return { start, presentCheckpoint: present ?? start.presentCheckpoint, url };
}

/** Suspends what runs. @returns the checkpoint that holds the processes that were there, if there were some */
async function leavePresent(
  path: string,
  checkpoint: number,
  options: OperateOptions,
): Promise<number | undefined> {
  const { signal } = new AbortController();
  const ask = { onProgress: options.onProgress, signal };
  const { session, checkpoints } = await withOpenedPod(path, options, async (opened) => ({
    ...(await opened.operate('status', {}, ask)),
    ...(await opened.operate('checkpoints', {}, ask)),
  }));
  if (!checkpoints.some(({ number }) => number === checkpoint)) {
    throw new DeskPodError('CHECKPOINT_NOT_FOUND', `expected a checkpoint of this pod, got ${checkpoint}`, {
      hint: 'List them with `deskpod checkpoints`.',
      details: { checkpoint },
    });
  }
  if (session.status === 'suspended') return session.checkpoint;
  if (session.status !== 'running') return undefined;
  return (await operate(path, 'suspend', {}, options)).number;
}
