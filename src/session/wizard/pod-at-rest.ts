// A pod of this computer that the wizard opens for a moment: one whose session runs is left alone.
import { DeskPodError } from '../../core/errors.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { findStaging } from '../device/device.ts';
import { afterwards } from '../pod/afterwards.ts';
import { Desktop } from '../pod/desktop.ts';
import { openDevice } from '../pod/open-device.ts';
import { readSessionNote } from '../pod/session-note.ts';

/**
 * Opens the pod on the device at `path` for as long as `work` takes. What a killed supervisor left of a suspend is sealed first.
 *
 * @throws DeskPodError SESSION_ALREADY_RUNNING with nothing touched; what opening, `work` and closing throw
 */
export async function withPodAtRest<Result>(
  path: string,
  credential: Credential,
  work: (pod: Pod) => Promise<Result>,
): Promise<Result> {
  if ((await readSessionNote(await findStaging(path))) !== undefined) {
    throw new DeskPodError('SESSION_ALREADY_RUNNING', `${path}: the session of this pod runs here`, {
      hint: `See it with \`deskpod view -d ${path}\`, or end it with \`deskpod suspend -d ${path}\`.`,
      details: { path },
    });
  }
  const desktop = await Desktop.take(await openDevice(path, credential), () => undefined);
  return afterwards(
    () => work(desktop.pod),
    () => desktop.close(),
  );
}
