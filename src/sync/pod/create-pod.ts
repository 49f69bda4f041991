// Founding a pod in prepared folders: keyring, repository, log with its first event, and last the marker.
import { randomBytes } from 'node:crypto';
import { toHex } from '../../core/bytes.ts';
import type { PodKind } from '../../core/events.ts';
import type { PodState } from '../../core/state.ts';
import { hashing } from '../hashing.ts';
import { addRecoverySlot, createKeyring, type OpenKeyring } from '../keyring/keyring-file.ts';
import { Log } from '../log/log.ts';
import { Repository } from '../repository/repository.ts';
import { type DevicePlace, placeId } from './device-place.ts';
import { writeMarker } from './marker-file.ts';
import { Pod } from './pod.ts';
import type { PodFolder } from './pod-folder.ts';

/** What a new pod is. */
export interface PodFacts {
  readonly kind: PodKind;
  readonly name: string;
  readonly vault: PodState['vault'];
  readonly place: DevicePlace;
}

/** The keyring of a new pod, with the recovery key that nothing keeps. */
export type NewKeyring = OpenKeyring & { readonly recoveryKey: string };

/** Makes a keyring with a passphrase and a recovery key. `workFactor` is scrypt's; the default is the safe one. */
export async function foundKeyring(passphrase: string, workFactor?: number): Promise<NewKeyring> {
  const createdAtMs = Date.now();
  const slot = { label: 'passphrase', createdAtMs, passphrase };
  const keyring = await createKeyring(workFactor === undefined ? slot : { ...slot, workFactor });
  return addRecoverySlot(keyring, { label: 'recovery key', createdAtMs });
}

/**
 * Founds the pod; the caller closes it. Only with the marker, at the end, is it one: `furnish` brings in before that
 * what else a pod of its kind must have.
 */
export async function foundPod(
  folder: PodFolder,
  keyring: OpenKeyring,
  facts: PodFacts,
  furnish: (pod: Pod) => Promise<void> = async () => undefined,
): Promise<Pod> {
  const { secrets } = keyring;
  const repository = await Repository.create(folder.repositoryDir);
  const { name: keyringName } = await repository.putObject('keyrings', keyring.bytes);
  await (await Log.create(folder.logDir, { hashing, logKey: secrets.logKey })).close();
  const pod = await Pod.open(folder, secrets);
  try {
    const { kind, name, vault } = facts;
    const deviceId = newDeviceId();
    const podId = toHex(secrets.podId);
    await pod.append({
      type: 'createPod',
      pod: { podId, deviceId, kind, name, keyring: keyringName, vault },
    });
    await furnish(pod);
    await pod.publish();
    await writeMarker(folder, pod, placeId(facts.place, secrets.logKey));
    return pod;
  } catch (error) {
    await pod.close();
    throw error;
  }
}

/** A name for a device that no other has, in hexadecimal. */
export function newDeviceId(): string {
  return randomBytes(16).toString('hex');
}
