// Mending the marker of a twin: the pod that it follows writes it anew, if the head beside it says that it still does.
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { decodeHead } from '../../core/head.ts';
import { decodeMarker } from '../../core/marker.ts';
import type { DevicePlace } from '../pod/device-place.ts';
import { replaceMarker } from '../pod/marker-file.ts';
import type { Pod } from '../pod/pod.ts';
import { MARKER_FILE, REPOSITORY_FOLDER } from '../pod/pod-folder.ts';
import { isOfThisLog } from '../pod/standing.ts';
import { newTwinMarker } from '../pod/twin.ts';
import { isNamed } from '../posix/path-status.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { readMarkerFile } from '../repository/plain-file.ts';
import { Repository } from '../repository/repository.ts';
import { unreadableError } from '../storage-failure.ts';
import { isDamage } from './damage.ts';

/** Where a twin lies. */
export interface TwinToMend {
  /** The folder of its marker and repository. */
  readonly dir: string;
  readonly url: string;
  /** What only a pod in its own right has beside its marker: where one of these is, no twin is made of it. */
  readonly ownParts: readonly string[];
  /** What the twin lies on. */
  findMedium(): Promise<DevicePlace>;
}

/**
 * Writes the marker of a twin anew if it is none that this pod wrote, or is gone. That it is a twin's the marker alone could
 * tell; so the head beside it must be one of this log. A twin that was started has one of a later epoch, and another pod's
 * device one that this pod cannot prove: those stay as they are.
 *
 * @returns what was wrong with it; nothing if nothing was
 * @throws DeskPodError MARKER_DAMAGED if it cannot be mended; nothing has changed then. SPACE_EXHAUSTED, TARGET_WRITE_FAILED
 */
export async function mendTwinMarker(
  pod: Pod,
  { dir, url, ownParts, findMedium }: TwinToMend,
): Promise<string[]> {
  const markerFile = join(dir, MARKER_FILE);
  const fault = await faultOf(markerFile, pod);
  if (fault === undefined) return [];
  if (!(await follows(pod, dir))) throw notMendable(url, fault, 'no head of this pod lies beside it');
  for (const part of ownParts)
    if (await isNamed(join(dir, part)))
      throw notMendable(url, fault, `with ${part} beside it, it is no twin's`);
  const { runtime, leases } = pod.state.homes.find((home) => home.url === url) ?? {};
  const deviceId = runtime?.deviceId ?? leases?.at(-1)?.deviceId;
  await replaceMarker({ markerFile }, newTwinMarker(pod, await findMedium(), deviceId));
  const healed = { kind: 'marker', name: MARKER_FILE, place: url, from: 'log' };
  await pod.append({ type: 'recordHeals', objects: [healed] });
  return [fault];
}

/** Undefined for a marker that this pod wrote, and for one of a later version, which is not damaged. */
async function faultOf(markerFile: string, { sealing }: Pod): Promise<string | undefined> {
  try {
    decodeMarker(await readMarkerFile(markerFile), sealing);
    return undefined;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 'marker: expected it, got nothing';
    const fault = unreadableError(error, 'MARKER_DAMAGED', 'marker');
    if (!isDamage(fault)) throw fault;
    return fault.code === 'MARKER_DAMAGED' ? fault.message : undefined;
  }
}

async function follows(pod: Pod, dir: string): Promise<boolean> {
  try {
    const bytes = await (await Repository.open(join(dir, REPOSITORY_FOLDER))).readHead();
    return bytes !== undefined && (await isOfThisLog(pod, decodeHead(bytes, pod.sealing)));
  } catch (error) {
    // what is wrong with the rest of it is found by whoever looks at it next
    if (isDamage(error) || isDeskPodError(error, 'POD_NOT_FOUND')) return false;
    throw error;
  }
}

function notMendable(url: string, fault: string, reason: string): DeskPodError {
  return new DeskPodError('MARKER_DAMAGED', `${url}: ${fault}; it is not written anew, as ${reason}`, {
    hint:
      'Keep it if no other home has all of this pod: `ops/reader` takes files out of its repository. If it is in other use now, ' +
      'or another has everything, take it out with `deskpod home remove`; `deskpod home add --force` makes a twin of it again.',
    details: { url },
  });
}
