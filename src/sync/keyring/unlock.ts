// Unlocking: from the plain part of a pod, and a key of the user's, to its proven secrets.
import { equalBytes, fromHex, toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { decodeHead, type Head, peekHead } from '../../core/head.ts';
import { decodeMarker, type Marker, peekMarker } from '../../core/marker.ts';
import { hashing } from '../hashing.ts';
import { keepingHint, type MarkerPlace } from '../pod/lost-marker.ts';
import { isSystemError } from '../repository/durable-file.ts';
import { readMarkerFile } from '../repository/plain-file.ts';
import type { Repository } from '../repository/repository.ts';
import { unreadableError } from '../storage-failure.ts';
import {
  type OpenKeyring,
  openWithHomeIdentity,
  openWithPasskey,
  openWithPassphrase,
  openWithRecoveryKey,
  type ProvenKeyring,
} from './keyring-file.ts';

/**
 * What a pod is opened with; of a passkey what its authenticator answered, 64 bytes in hexadecimal; of a home its own identity
 * (`AGE-SECRET-KEY-1…`), where the pod's owner lets it read.
 */
export type Credential =
  | { readonly passphrase: string }
  | { readonly recoveryKey: string }
  | { readonly passkey: string }
  | { readonly homeIdentity: string };

/**
 * Opens a keyring with whatever the user has.
 *
 * @throws DeskPodError PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, KEYRING_DAMAGED
 */
export function openKeyring(bytes: Uint8Array, credential: Credential): Promise<ProvenKeyring> {
  if ('passphrase' in credential) return openWithPassphrase(bytes, credential.passphrase);
  if ('homeIdentity' in credential) return openWithHomeIdentity(bytes, credential.homeIdentity);
  if ('passkey' in credential) return openWithPasskey(bytes, fromHex(credential.passkey));
  return openWithRecoveryKey(bytes, credential.recoveryKey);
}

/** A repository whose head and keyring are proven. */
export interface Unlocked {
  readonly head: Head;
  readonly keyring: OpenKeyring;
}

/** A repository's head and the keyring that it names, as they lie there: nothing is proven. */
export interface Locked {
  readonly dir: string;
  readonly headBytes: Uint8Array;
  readonly keyringBytes: Uint8Array;
}

/**
 * Opens the keyring that a repository's head names, and proves both with the secrets in it.
 *
 * @throws DeskPodError as {@link readLocked} and {@link unlock}
 */
export async function unlockRepository(repository: Repository, credential: Credential): Promise<Unlocked> {
  return unlock(await readLocked(repository), credential);
}

/**
 * Reads what {@link unlock} opens.
 *
 * @throws DeskPodError POD_NOT_FOUND if nothing was ever committed; HEAD_DAMAGED, OBJECT_MISSING, OBJECT_DAMAGED
 */
export async function readLocked(repository: Repository): Promise<Locked> {
  const headBytes = await repository.readHead();
  if (headBytes === undefined) {
    const hasPacks = (await repository.listObjects('packs')).length > 0;
    throw new DeskPodError('POD_NOT_FOUND', `${repository.dir}: expected the head of a pod, got none`, {
      hint: hasPacks
        ? 'If a restore to here was interrupted, run it again. If not, keep what is here: `deskpod verify --home URL` ' +
          'brings the head back.'
        : 'Creating or restoring this pod did not finish: do it again with --force.',
    });
  }
  const keyringBytes = await repository.readObject('keyrings', toHex(peekHead(headBytes).keyring));
  return { dir: repository.dir, headBytes, keyringBytes };
}

/**
 * Opens a keyring and proves the head with it. A passphrase is stretched beside this thread, which is free meanwhile.
 *
 * @throws DeskPodError PASSPHRASE_WRONG or KEYRING_NO_IDENTITY; KEYRING_DAMAGED, HEAD_DAMAGED
 */
export async function unlock(locked: Locked, credential: Credential): Promise<Unlocked> {
  const { dir, headBytes, keyringBytes } = locked;
  const keyring = await openKeyring(keyringBytes, credential);
  const head = decodeHead(headBytes, { hashing, logKey: keyring.secrets.logKey });
  if (!equalBytes(head.podId, keyring.secrets.podId)) {
    throw new DeskPodError('HEAD_DAMAGED', `${dir}: head and keyring are of two pods`);
  }
  return { head, keyring };
}

/**
 * The marker of a pod, proven with its secrets.
 *
 * @throws DeskPodError POD_NOT_FOUND, MARKER_DAMAGED, FORMAT_UNKNOWN
 */
export async function readMarker(
  at: MarkerPlace,
  { secrets }: Pick<OpenKeyring, 'secrets'>,
): Promise<Marker> {
  return readMarkerBy(at, (bytes) => decodeMarker(bytes, { hashing, logKey: secrets.logKey }));
}

/**
 * What the marker of a pod says, with nothing proven.
 *
 * @throws DeskPodError POD_NOT_FOUND, MARKER_DAMAGED, FORMAT_UNKNOWN
 */
export function peekMarkerIn(at: MarkerPlace): Promise<Marker> {
  return readMarkerBy(at, peekMarker);
}

async function readMarkerBy(at: MarkerPlace, decode: (bytes: Uint8Array) => Marker): Promise<Marker> {
  const { markerFile, place = markerFile } = at;
  try {
    return decode(await readMarkerFile(markerFile));
  } catch (error) {
    const cause = unreadableError(error, 'MARKER_DAMAGED', 'marker');
    if (isDeskPodError(cause)) {
      const hint = cause.code === 'MARKER_DAMAGED' ? keepingHint(at) : cause.hint;
      const { code, message } = cause;
      const details = { ...cause.details, path: place };
      throw new DeskPodError(code, `${place}: ${message}`, { ...(hint && { hint }), details, cause: error });
    }
    if (!isSystemError(cause, 'ENOENT')) throw cause;
    throw new DeskPodError('POD_NOT_FOUND', `${place}: expected the marker of a pod, got nothing`, {
      hint: `If creating or restoring it did not finish, do the same again. ${keepingHint(at)}`,
      cause,
    });
  }
}
