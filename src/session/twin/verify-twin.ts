// Verifying a twin from the pod that it follows: its marker, what it holds as a home, and the runtime that it carries.
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { parseHomeUrl } from '../../sync/home/home-url.ts';
import { openTwinHome } from '../../sync/home/twin-home.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { REPOSITORY_FOLDER } from '../../sync/pod/pod-folder.ts';
import { asFollowed, bytesToStart } from '../../sync/pod/twin.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { verifyHomeOf } from '../../sync/verify/home-verify.ts';
import { mendTwinMarker } from '../../sync/verify/mend-twin.ts';
import type { VerifyPlan, VerifyReport } from '../../sync/verify/verify-report.ts';
import { VAULT_FILE_NAME, VAULT_NAME } from '../device/device-content.ts';
import { afterwards } from '../pod/afterwards.ts';
import { examineRuntime, isAsPut, type RuntimeReport } from '../runtime/device-runtime.ts';
import { type TwinPlace, takePlace } from './twin-place.ts';
import { equipTwin, runtimeOfTwin } from './twin-runtime.ts';

/** What a pod in its own right has beside its marker: a vault, or the log of a tree. */
const OWN_PARTS = [VAULT_NAME, VAULT_FILE_NAME, 'log'];

/** What was found of a twin. */
export interface VerifiedTwin {
  readonly report: VerifyReport;
  /** Of a desktop's. */
  readonly runtime?: RuntimeReport;
  /** What was not done for its runtime, in sentences. */
  readonly warnings?: readonly string[];
}

/**
 * Verifies the twin with this URL. Its marker is written anew first if it is damaged, as without it the place is no home.
 *
 * @throws DeskPodError HOME_AWAY; MARKER_DAMAGED if it is not, or cannot be, written anew; HOME_DAMAGED without a repository;
 * and as verifyHomeOf
 */
export async function verifyTwin(pod: Pod, url: string, plan: VerifyPlan): Promise<VerifiedTwin> {
  const place = await takePlace(parseHomeUrl(url).path, { isMending: plan.isHealing });
  return afterwards(
    async () => {
      const { dir } = place;
      const healed = plan.isHealing ? await mendTwinMarker(pod, { ...place, url, ownParts: OWN_PARTS }) : [];
      await requireRepository(dir, url);
      const home = openTwinHome({ dir, url }, asFollowed(pod));
      const report = await verifyHomeOf(pod, home, plan, healed);
      return pod.state.kind === 'tree' ? { report } : verifyRuntime(pod, { ...place, url }, plan, report);
    },
    () => place.release(),
  );
}

async function requireRepository(dir: string, url: string): Promise<void> {
  if ((await statusAt(join(dir, REPOSITORY_FOLDER)))?.isDirectory() === true) return;
  throw new DeskPodError('HOME_DAMAGED', `${url}: expected a repository beside the marker, got none`, {
    hint: 'Run `deskpod sync`: everything is sent again. Look why it is gone: the drive may be failing.',
    details: { url },
  });
}

/** The runtime of a twin; one that is not as it was put there gives way to this host's, or to none. */
async function verifyRuntime(
  pod: Pod,
  place: Pick<TwinPlace, 'dir' | 'url' | 'freeBytes'>,
  { isHealing, onProgress }: VerifyPlan,
  report: VerifyReport,
): Promise<VerifiedTwin> {
  const examine = (): Promise<RuntimeReport> => examineRuntime(place.dir, runtimeOfTwin(pod, place.url));
  const found = await examine();
  if (isAsPut(found) || !isHealing || report.faults.length > 0) return { report, runtime: found };
  const options = { neededBytes: bytesToStart(pod), isAltered: true, onProgress };
  const { warnings } = await equipTwin(pod, place, options);
  const runtime = await examine();
  if (!isAsPut(runtime)) return { report, runtime, warnings };
  const fault = `runtime: expected the one that was put there, got one that is ${found.standing}`;
  return { report: { ...report, healedFaults: [...report.healedFaults, fault] }, runtime, warnings };
}
