// Founding a pod in prepared folders: keyring, repository, log with its first event, and last the marker.
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { fromHex, toHex } from '../../core/bytes.ts';
import type { PodKind } from '../../core/events.ts';
import { encodeMarker } from '../../core/marker.ts';
import type { PodState } from '../../core/state.ts';
import { hashing } from '../hashing.ts';
import { addRecoverySlot, createKeyring, type OpenKeyring } from '../keyring/keyring-file.ts';
import { Log } from '../log/log.ts';
import { publish, writeFully, writeTemporary } from '../repository/durable-file.ts';
import { Repository } from '../repository/repository.ts';
import { Pod } from './pod.ts';
import type { PodFolder } from './pod-folder.ts';

/** What a new pod is. */
export interface PodFacts {
  readonly kind: PodKind;
  readonly name: string;
  readonly vault: PodState['vault'];
  /** 16 bytes that name the file system it lies on. */
  readonly fileSystemId: Uint8Array;
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
    await writeMarker(folder, pod, facts.fileSystemId);
    return pod;
  } catch (error) {
    await pod.close();
    throw error;
  }
}

/** Writes the marker that the pod's state calls for. */
export async function writeMarker(folder: PodFolder, pod: Pod, fileSystemId: Uint8Array): Promise<void> {
  const { podId, epoch, deviceId, kind } = pod.state;
  const marker = { podId: fromHex(podId), epoch, deviceId: fromHex(deviceId), kind, fileSystemId };
  const bytes = encodeMarker(marker, { hashing, logKey: pod.secrets.logKey });
  const temporary = `${folder.markerFile}.new`;
  await rm(temporary, { force: true });
  await writeTemporary(temporary, (file) => writeFully(file, bytes, 0));
  await publish(temporary, folder.markerFile);
}

/** A name for a device that no other has, in hexadecimal. */
export function newDeviceId(): string {
  return randomBytes(16).toString('hex');
}
