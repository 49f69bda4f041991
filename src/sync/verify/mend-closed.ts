// Mending what keeps a pod from being opened at all: its head and its keyring, from a home, without any key.
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { type Head, peekHead } from '../../core/head.ts';
import { peekMarker } from '../../core/marker.ts';
import type { Home } from '../home/home.ts';
import { readMarkerFile } from '../repository/plain-file.ts';
import { Repository } from '../repository/repository.ts';
import { isDamage, type ObjectId, objectLabel } from './damage.ts';
import { healDevice } from './heal-device.ts';
import { readObjectFully } from './object-check.ts';

/** The plain places of a closed pod. */
export interface ClosedPod {
  readonly repositoryDir: string;
  readonly markerFile: string;
}

/**
 * Brings back head and keyring, as far as they are damaged; returns the names of what it brought. A head comes only from
 * a home that stands with this very device: it is older than the device's log or as old, and the next publication
 * replaces it. Both are proven with the pod's keys when it is opened.
 * @throws DeskPodError HOME_DAMAGED if home has them not, or stands with another device
 */
export async function mendClosedPod(pod: ClosedPod, home: Home): Promise<string[]> {
  const repository = await Repository.open(pod.repositoryDir);
  const mended: string[] = [];
  let head = await headOf(repository);
  if (head === undefined) {
    head = await bringHead(pod, repository, home);
    mended.push('head');
  }
  const id: ObjectId = { kind: 'keyrings', name: toHex(head.keyring) };
  if ((await readObjectFully(repository, id)).damage === undefined) return mended;
  const { healed, failures } = await healDevice(
    {
      repository,
      podId: toHex(head.podId),
      homes: [home],
      onProgress: () => undefined,
      onHealed: () => Promise.resolve(),
    },
    [id],
  );
  if (healed.length === 0) {
    throw new DeskPodError('HOME_DAMAGED', `${home.url}: expected a whole ${objectLabel(id)}, got none`, {
      hint: 'Try another home, or rebuild the pod onto a new device with `deskpod restore`.',
      details: { url: home.url, ...id },
      cause: failures[0]?.error,
    });
  }
  return [...mended, objectLabel(id)];
}

async function headOf(repository: Repository): Promise<Head | undefined> {
  const bytes = await repository.readHead();
  try {
    return bytes === undefined ? undefined : peekHead(bytes);
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

async function bringHead({ markerFile }: ClosedPod, repository: Repository, home: Home): Promise<Head> {
  const marker = peekMarker(await readMarkerFile(markerFile));
  const bytes = await home.head(toHex(marker.podId));
  if (bytes === undefined) {
    throw new DeskPodError('HOME_DAMAGED', `${home.url}: expected a head of this pod, got none`, {
      hint: 'Try another home.',
      details: { url: home.url },
    });
  }
  const head = peekHead(bytes);
  const isOurs = equalBytes(head.podId, marker.podId) && equalBytes(head.deviceId, marker.deviceId);
  if (!isOurs || head.epoch !== marker.epoch) {
    throw new DeskPodError('HOME_FOREIGN', `${home.url}: its head is not of this device of the pod`, {
      hint: 'Another device of this pod syncs there now; restore it from there if this one is lost.',
      details: { url: home.url, homeEpoch: head.epoch, epoch: marker.epoch },
    });
  }
  await repository.writeHead(bytes);
  return head;
}
