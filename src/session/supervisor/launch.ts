// Starting a supervisor: a process of its own that owns the pod from now on, while the command that asked goes home.
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { findStaging } from '../device/device.ts';
import { prepareStaging } from '../host/staging.ts';
import type { StartReport } from '../operation/operations.ts';
import type { StartChoice } from '../pod/start-choice.ts';
import { askOwnProcess } from './own-process.ts';

const SUPERVISOR = fileURLToPath(new URL('./main.ts', import.meta.url));
const LOG_MAX_BYTES = 1 << 20;

/** What a supervisor is told, through a pipe: the credential is in no argument and no environment. */
export interface LaunchOrder {
  readonly devicePath: string;
  readonly credential: Credential;
  /** `start` starts or resumes a session; `adopt` takes over one that runs. */
  readonly mode: 'start' | 'adopt';
  readonly start?: StartChoice;
  /** A twin is to become the pod first; it is refused without this. */
  readonly promotes?: boolean;
  /** The last picture of the session is told before it goes on. */
  readonly wantsPicture?: boolean;
}

/**
 * Starts a supervisor and waits until the session runs under it.
 *
 * @param onPicture is given what the screen showed when the session was suspended, as PNG, before it goes on
 * @throws DeskPodError what opening the pod or starting the session threw; SUPERVISOR_UNREACHABLE if it died. No
 * supervisor runs then.
 */
export async function launchSupervisor(
  order: LaunchOrder,
  onProgress: ProgressListener,
  onPicture?: (pngBase64: string) => void,
): Promise<StartReport> {
  // In the pod's own folder: it goes with that when the device is let go, and stays if that fails.
  const { privateDir } = await prepareStaging((await findStaging(order.devicePath)).id);
  const logPath = `${privateDir}/supervisor.log`;
  const logFile = await open(logPath, 'a', 0o600);
  if ((await logFile.stat()).size > LOG_MAX_BYTES) await logFile.truncate();
  try {
    return await askOwnProcess(
      SUPERVISOR,
      { ...order, wantsPicture: onPicture !== undefined },
      {
        logFd: logFile.fd,
        onLine: (line) => {
          if ('progress' in line) onProgress(line.progress);
          else onPicture?.(line.picture.pngBase64);
        },
        failed: (what, cause) => unreachable(logPath, what, cause),
      },
    );
  } finally {
    await logFile.close();
  }
}

function unreachable(logPath: string, what: string, cause?: unknown): DeskPodError {
  return new DeskPodError('SUPERVISOR_UNREACHABLE', `the supervisor ${what}`, {
    hint: `Run the command again; ${logPath} has what it said last.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
