// Promotion: a twin becomes the pod, out of its own repository, as a new device in a new epoch.
import { equalBytes, fromHex, toHex } from '../../core/bytes.ts';
import { findCheckpoint } from '../../core/decide.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { CarriedRuntime } from '../../core/home-state.ts';
import { encodeMarker, type Marker } from '../../core/marker.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { LogRecord } from '../../core/record.ts';
import { type Checkpoint, latestCheckpoint, type PodState } from '../../core/state.ts';
import { hashing } from '../hashing.ts';
import type { Secrets } from '../keyring/pod-secrets.ts';
import { type Credential, readMarker } from '../keyring/unlock.ts';
import { readChain } from '../repository/segments.ts';
import { newDeviceId } from './create-pod.ts';
import { type DevicePlace, placeId } from './device-place.ts';
import { replaceMarker, writeMarker } from './marker-file.ts';
import { describeDoubted, describeNewDevice, layOutFiles, type NewDevice } from './new-device.ts';
import { foldRecords, type Pod, toLoggedEvent } from './pod.ts';
import type { PodFolder } from './pod-folder.ts';
import { rebuildLog } from './rebuild.ts';
import type { FilesPlace } from './staged-files.ts';
import { runtimeOnTwin, unlockTwin } from './twin.ts';

/** What of a twin is meant. */
export interface TwinRequest {
  /** What to call it. */
  readonly place: string;
  /** The checkpoint that its files are to stand at; the newest without it. */
  readonly checkpoint?: number | undefined;
}

/** A twin whose head, keyring, marker and log are proven. */
export interface SurveyedTwin {
  /** What to call it. */
  readonly place: string;
  readonly secrets: Secrets;
  readonly marker: Marker;
  readonly records: readonly LogRecord[];
  readonly state: PodState;
  /** What its files will stand at. */
  readonly checkpoint: Checkpoint;
  /** A promotion was killed after the head had moved: its checkpoint is the one that was begun with. */
  readonly isTakenOver: boolean;
  /** When it was first looked at, by performance.now(). */
  readonly startedMs: number;
}

/** What a promotion needs to know besides. */
export interface PromotionPlan {
  readonly folder: PodFolder;
  /** Where the checkpoint's files go. */
  readonly files: FilesPlace;
  /** How the device's vault is encrypted. */
  readonly vault: PodState['vault'];
  /** What the device lies on. */
  readonly place: DevicePlace;
  /** The URL of this twin among the pod's homes, of which it is none any more; what it would be, if it is not among them. */
  readonly url: string;
  readonly onProgress: ProgressListener;
}

/**
 * Looks at a twin before anything is changed on it.
 *
 * @throws DeskPodError POD_NOT_FOUND, CHECKPOINT_NOT_FOUND if no sync has brought it any; PASSPHRASE_WRONG,
 * KEYRING_NO_IDENTITY, and whatever damage is found
 */
export async function surveyTwin(
  folder: Pick<PodFolder, 'markerFile' | 'repositoryDir'>,
  credential: Credential,
  { place, checkpoint: wanted }: TwinRequest,
): Promise<SurveyedTwin> {
  const startedMs = performance.now();
  const { repository, head, keyring } = await unlockTwin(folder.repositoryDir, credential, place);
  const { secrets } = keyring;
  const marker = await readMarker({ ...folder, place }, keyring);
  const records = await readChain(repository, secrets, head);
  const state = foldRecords(records);
  const isTakenOver = state.deviceId === toHex(marker.deviceId);
  const number = isTakenOver ? restoredCheckpoint(records) : wanted;
  const checkpoint = number === undefined ? latestCheckpoint(state) : findCheckpoint(state, number);
  if (checkpoint !== undefined)
    return { place, secrets, marker, records, state, checkpoint, isTakenOver, startedMs };
  throw new DeskPodError('CHECKPOINT_NOT_FOUND', `${place} is a twin that has no checkpoint of its pod yet`, {
    hint: 'There is nothing to start: it was synced before the first checkpoint.',
  });
}

function restoredCheckpoint(records: readonly LogRecord[]): number | undefined {
  const restored = records.map((record) => toLoggedEvent(record).event);
  return restored.findLast((event) => event.type === 'restore.completed')?.checkpoint;
}

/**
 * Makes a pod of a twin; the caller closes it. The head moves to the new epoch when log and files are there, and the
 * marker comes last: killed before it, the device is a twin still, and the next promotion begins again from the
 * repository, as the same new device.
 *
 * @throws DeskPodError SPACE_EXHAUSTED, and whatever damage is found; the device is a twin then
 */
export async function promoteTwin(
  surveyed: SurveyedTwin,
  plan: PromotionPlan,
): Promise<{ pod: Pod; promotion: NewDevice }> {
  const { secrets, records, checkpoint, place, startedMs } = surveyed;
  const deviceId = await chooseDeviceId(surveyed, plan);
  const { folder, onProgress } = plan;
  onProgress({ step: 'taking over the log' });
  const pod = await rebuildLog(records, secrets, folder);
  try {
    const laidOut = await layOutFiles(pod, checkpoint, plan.files.dir, { onProgress });
    // by what the log says, not by what lies there: a check compares that with it
    const runtime = runtimeOnTwin(pod.state, toHex(surveyed.marker.deviceId));
    const twinId = toHex(surveyed.marker.deviceId);
    await takeOver(pod, plan, { twinId, deviceId, checkpoint: checkpoint.number, runtime });
    await plan.files.putInPlace?.(pod, checkpoint.files);
    await writeMarker(folder, pod, placeId(plan.place, secrets.logKey));
    const warnings = [
      ...laidOut.losses,
      ...describeDoubted(
        pod,
        checkpoint.number,
        (against) =>
          `bring them back with: deskpod restore --into FOLDER --checkpoint ${against} -d ${place}`,
      ),
    ];
    const durationMs = performance.now() - startedMs;
    return { pod, promotion: describeNewDevice(pod, laidOut, { warnings, durationMs }) };
  } catch (error) {
    await pod.close();
    throw error;
  }
}

/**
 * The device id that the twin was given when it was made; a new one if it lies elsewhere now, as it may be a copy then, and
 * its original may be promoted, too. The marker gets it first: a promotion that is killed is the same new device when it
 * goes on.
 *
 * @returns in hexadecimal
 */
async function chooseDeviceId(
  { secrets, marker }: SurveyedTwin,
  { folder, place }: PromotionPlan,
): Promise<string> {
  const found = placeId(place, secrets.logKey);
  const isKnown = marker.placeId.some((byte) => byte !== 0);
  if (place === undefined || !isKnown || equalBytes(found, marker.placeId)) return toHex(marker.deviceId);
  const deviceId = newDeviceId();
  const moved = { ...marker, deviceId: fromHex(deviceId), placeId: found };
  await replaceMarker(folder, encodeMarker(moved, { hashing, logKey: secrets.logKey }));
  return deviceId;
}

/** What the new device is. */
interface Takeover {
  /** What the twin called itself, in hexadecimal. */
  readonly twinId: string;
  readonly deviceId: string;
  readonly checkpoint: number;
  /** What was put on it while it was a twin. */
  readonly runtime: CarriedRuntime | undefined;
}

/** One publication takes all of it: the head names the former epoch, or the new one with what belongs to it. */
async function takeOver(
  pod: Pod,
  { url, vault }: PromotionPlan,
  { twinId, deviceId, checkpoint, runtime }: Takeover,
): Promise<void> {
  if (pod.state.deviceId === deviceId) return; // a promotion that was killed before the marker had come so far
  await pod.append({ type: 'completeRestore', restore: { url, deviceId, checkpoint, vault } });
  if (runtime !== undefined) await pod.append({ type: 'putRuntime', runtime });
  for (const home of pod.state.homes) {
    // it may lie elsewhere than the log says, and no lease of its own is to bind it
    if (home.url === url || home.leases?.at(-1)?.deviceId === twinId)
      await pod.append({ type: 'removeHome', url: home.url });
  }
  await pod.publish();
}
