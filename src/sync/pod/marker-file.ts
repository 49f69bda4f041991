// The marker on a device: it follows the log, and tells when the device lies on another medium than it was written on.
import { rm } from 'node:fs/promises';
import { equalBytes, fromHex, toHex } from '../../core/bytes.ts';
import { isDeskPodError } from '../../core/errors.ts';
import { decodeMarker, encodeMarker, type Marker } from '../../core/marker.ts';
import { publish, writeFully, writeTemporary } from '../repository/durable-file.ts';
import { readMarkerFile } from '../repository/plain-file.ts';
import { type DevicePlace, placeId } from './device-place.ts';
import type { Pod } from './pod.ts';
import type { PodFolder } from './pod-folder.ts';

/** Writes the marker that the pod's state calls for; `placeId` names what the device lies on. */
export async function writeMarker(
  folder: Pick<PodFolder, 'markerFile'>,
  pod: Pod,
  placeId: Uint8Array,
): Promise<void> {
  const { podId, epoch, deviceId, kind } = pod.state;
  const marker = { podId: fromHex(podId), epoch, deviceId: fromHex(deviceId), kind, isTwin: false, placeId };
  await replaceMarker(folder, encodeMarker(marker, pod.sealing));
}

/** Puts these bytes in the place of the marker, durably and at once. */
export async function replaceMarker(
  { markerFile }: Pick<PodFolder, 'markerFile'>,
  bytes: Uint8Array,
): Promise<void> {
  const temporary = `${markerFile}.new`;
  // others may have made a folder there
  await rm(temporary, { recursive: true, force: true });
  await writeTemporary(temporary, (file) => writeFully(file, bytes, 0));
  await publish(temporary, markerFile);
}

/** Writes the marker once more after the device got another id; what it lies on stays as it was. */
export async function renewMarker(pod: Pod): Promise<void> {
  const former = decodeMarker(await readMarkerFile(pod.folder.markerFile), pod.sealing);
  await writeMarker(pod.folder, pod, former.placeId);
}

/**
 * Compares what the device lies on with its marker. On another medium, the log notes it and the marker is written anew,
 * so that it is told once. A marker that an interrupted command left behind the log is brought up to it.
 *
 * @returns what to tell the user, if there is something
 * @throws DeskPodError as an append does, but for a full drive: the next opening tries again
 */
export async function settleMarker(
  pod: Pod,
  marker: Marker,
  place: DevicePlace,
): Promise<string | undefined> {
  const found = placeId(place, pod.secrets.logKey);
  const isKnown = marker.placeId.some((byte) => byte !== 0);
  const isMoved = place !== undefined && isKnown && !equalBytes(found, marker.placeId);
  const { deviceId, epoch, moved } = pod.state;
  const isBehind = toHex(marker.deviceId) !== deviceId || marker.epoch !== epoch;
  if (!isMoved && !isBehind && (isKnown || place === undefined)) return undefined;
  try {
    if (isMoved && place !== moved?.place) await pod.append({ type: 'noteMove', place });
    await writeMarker(pod.folder, pod, place === undefined ? marker.placeId : found);
  } catch (error) {
    if (!isDeskPodError(error, 'SPACE_EXHAUSTED')) throw error;
  }
  return isMoved ? movedText(place) : undefined;
}

/** What a user is told of a device that was moved or copied. */
export function movedText(place: string): string {
  return (
    `This device lies on another medium than before (now: ${place}). If you moved it, there is nothing to do. ` +
    'If you copied it and both go on, run `deskpod fork` on one of them: home keeps that one as a branch. ' +
    'Without it, home follows the one that syncs first, and keeps the other as a branch.'
  );
}
