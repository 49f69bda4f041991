// Unlocking: from the plain part of a pod, and a passphrase or recovery key, to its proven secrets.
import { dirname, join } from 'node:path';
import { equalBytes, toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { decodeHead, type Head, peekHead } from '../../core/head.ts';
import { decodeMarker, type Marker, peekMarker } from '../../core/marker.ts';
import { hashing } from '../hashing.ts';
import { type PodFolder, REPOSITORY_FOLDER } from '../pod/pod-folder.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { readMarkerFile } from '../repository/plain-file.ts';
import type { Repository } from '../repository/repository.ts';
import { unreadableError } from '../storage-failure.ts';
import {
  type OpenKeyring,
  openWithPassphrase,
  openWithRecoveryKey,
  type ProvenKeyring,
} from './keyring-file.ts';

/** What the user opens a pod with. */
export type Credential = { readonly passphrase: string } | { readonly recoveryKey: string };

/**
 * Opens a keyring with whatever the user has.
 *
 * @throws DeskPodError PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, KEYRING_DAMAGED
 */
export function openKeyring(bytes: Uint8Array, credential: Credential): Promise<ProvenKeyring> {
  return 'passphrase' in credential
    ? openWithPassphrase(bytes, credential.passphrase)
    : openWithRecoveryKey(bytes, credential.recoveryKey);
}

/** A repository whose head and keyring are proven. */
export interface Unlocked {
  readonly head: Head;
  readonly keyring: OpenKeyring;
}

/**
 * Opens the keyring that a repository's head names, and proves both with the secrets in it.
 *
 * @throws DeskPodError POD_NOT_FOUND if nothing was ever committed; PASSPHRASE_WRONG or KEYRING_NO_IDENTITY;
 * KEYRING_DAMAGED, HEAD_DAMAGED, OBJECT_MISSING, OBJECT_DAMAGED
 */
export async function unlockRepository(repository: Repository, credential: Credential): Promise<Unlocked> {
  const headBytes = await repository.readHead();
  if (headBytes === undefined) {
    throw new DeskPodError('POD_NOT_FOUND', `${repository.dir}: expected the head of a pod, got none`, {
      hint: 'Creating or restoring this pod did not finish: do it again with --force.',
    });
  }
  const keyringBytes = await repository.readObject('keyrings', toHex(peekHead(headBytes).keyring));
  const keyring = await openKeyring(keyringBytes, credential);
  const head = decodeHead(headBytes, { hashing, logKey: keyring.secrets.logKey });
  if (!equalBytes(head.podId, keyring.secrets.podId)) {
    throw new DeskPodError('HEAD_DAMAGED', `${repository.dir}: head and keyring are of two pods`);
  }
  return { head, keyring };
}

/**
 * The marker of a pod, proven with its secrets.
 *
 * @throws DeskPodError POD_NOT_FOUND, MARKER_DAMAGED
 */
export async function readMarker(
  folder: Pick<PodFolder, 'markerFile'>,
  { secrets }: Pick<OpenKeyring, 'secrets'>,
): Promise<Marker> {
  return readMarkerBy(folder, (bytes) => decodeMarker(bytes, { hashing, logKey: secrets.logKey }));
}

/**
 * What the marker of a pod says, with nothing proven.
 *
 * @throws DeskPodError POD_NOT_FOUND, MARKER_DAMAGED
 */
export function peekMarkerIn(folder: Pick<PodFolder, 'markerFile'>): Promise<Marker> {
  return readMarkerBy(folder, peekMarker);
}

async function readMarkerBy(
  folder: Pick<PodFolder, 'markerFile'>,
  decode: (bytes: Uint8Array) => Marker,
): Promise<Marker> {
  try {
    return decode(await readMarkerFile(folder.markerFile));
  } catch (cause) {
    if (isDeskPodError(cause, 'MARKER_DAMAGED')) {
      throw new DeskPodError(cause.code, `${folder.markerFile}: ${cause.message}`, {
        hint:
          'Bring it back from a copy of this device, or restore the pod from a home or twin. ' +
          `\`ops/reader ${join(dirname(folder.markerFile), REPOSITORY_FOLDER)}\` takes the files out without it.`,
        details: cause.details,
        cause,
      });
    }
    if (!isSystemError(cause, 'ENOENT')) throw unreadableError(cause, 'MARKER_DAMAGED', folder.markerFile);
    throw new DeskPodError(
      'POD_NOT_FOUND',
      `${folder.markerFile}: expected the marker of a pod, got nothing`,
      { cause },
    );
  }
}
