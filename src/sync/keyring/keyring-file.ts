// The keyring as the user meets it: made with a passphrase, opened with it or with the recovery key.
import { randomBytes } from 'node:crypto';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import {
  decodeKeyring,
  encodeKeyring,
  type Keyring,
  type KeyringSlot,
  peekKeyring,
  type SlotKind,
} from '../../core/keyring.ts';
import { generateIdentity, type OpenWith, open, recipientOf, type SealTo, seal } from '../age/age.ts';
import { hashing } from '../hashing.ts';
import { decodeSecrets, encodeSecrets, type Secrets } from './pod-secrets.ts';

/** A keyring whose secrets are known. */
export interface OpenKeyring {
  /** What {@link Repository.putObject} takes as one of the `keyrings`. */
  readonly bytes: Uint8Array;
  readonly keyring: Keyring;
  readonly secrets: Secrets;
}

/** A slot to be added. */
export interface NewSlot {
  /** What the user calls it. */
  readonly label: string;
  readonly createdAtMs: number;
}

/** A passphrase slot to be added. */
export interface NewPassphraseSlot extends NewSlot {
  readonly passphrase: string;
  /** Base-2 logarithm of scrypt's N; 18 without it. Tests take a low one. */
  readonly workFactor?: number;
}

/** Makes the keyring of a new pod: secrets from the system's randomness, one passphrase slot. */
export async function createKeyring(slot: NewPassphraseSlot): Promise<OpenKeyring> {
  const secrets: Secrets = {
    podId: fresh(16),
    identity: await generateIdentity(),
    logKey: fresh(32),
    chunkIdKey: fresh(32),
    chunkerKey: fresh(32),
    volumeKey: fresh(64),
  };
  const slots = [await sealSlot('passphrase', secrets, slot, passphraseOf(slot))];
  return encoded({ podId: secrets.podId, generation: 1, slots }, secrets);
}

/** Opens a keyring. Throws PASSPHRASE_WRONG if no slot takes the passphrase, KEYRING_DAMAGED, FORMAT_UNKNOWN. */
export async function openWithPassphrase(bytes: Uint8Array, passphrase: string): Promise<OpenKeyring> {
  const opened = await openSlots(bytes, 'passphrase', { passphrase });
  if (opened !== undefined) return opened;
  throw new DeskPodError('PASSPHRASE_WRONG', 'keyring: the passphrase opens no slot', {
    hint: 'Try again, or use the recovery key.',
  });
}

/**
 * Opens a keyring with the recovery key as it was typed. Throws KEYRING_NO_IDENTITY if no slot takes it or it is
 * mistyped, KEYRING_DAMAGED, FORMAT_UNKNOWN.
 */
export async function openWithRecoveryKey(bytes: Uint8Array, typed: string): Promise<OpenKeyring> {
  const opened = await openSlots(bytes, 'recovery', { identity: await parseRecoveryKey(typed) });
  if (opened !== undefined) return opened;
  throw new DeskPodError('KEYRING_NO_IDENTITY', 'keyring: the recovery key opens no slot', {
    hint: 'Check that the recovery key is the one of this pod.',
  });
}

/** The next generation of a keyring, with one passphrase more. */
export async function addPassphraseSlot(opened: OpenKeyring, slot: NewPassphraseSlot): Promise<OpenKeyring> {
  return withSlot(opened, await sealSlot('passphrase', opened.secrets, slot, passphraseOf(slot)));
}

/** The next generation of a keyring, with a new recovery key, which is to be shown to the user and kept nowhere. */
export async function addRecoverySlot(
  opened: OpenKeyring,
  slot: NewSlot,
): Promise<OpenKeyring & { readonly recoveryKey: string }> {
  const recoveryKey = await generateIdentity();
  const to = { recipient: await recipientOf(recoveryKey) };
  return { ...withSlot(opened, await sealSlot('recovery', opened.secrets, slot, to)), recoveryKey };
}

/** The next generation of a keyring, without one slot. RangeError for no such slot, or the last one. */
export function removeSlot(opened: OpenKeyring, slotIndex: number): OpenKeyring {
  const { podId, generation, slots } = opened.keyring;
  if (slots[slotIndex] === undefined)
    throw new RangeError(`expected a slot below ${slots.length}, got ${slotIndex}`);
  if (slots.length === 1) throw new RangeError('expected another slot to be left, got none');
  return encoded({ podId, generation: generation + 1, slots: slots.toSpliced(slotIndex, 1) }, opened.secrets);
}

/**
 * A recovery key in its one spelling, from one that was typed with spaces, line breaks or lower case. Throws
 * KEYRING_NO_IDENTITY if its own checksum does not hold.
 */
export async function parseRecoveryKey(typed: string): Promise<string> {
  const key = typed.replaceAll(/\s/g, '').toUpperCase();
  try {
    await recipientOf(key);
    return key;
  } catch (cause) {
    throw new DeskPodError(
      'KEYRING_NO_IDENTITY',
      'recovery key: expected AGE-SECRET-KEY-1 and 58 letters whose checksum holds, got others',
      {
        hint: 'Compare what you typed with the printed key, letter by letter.',
        cause,
      },
    );
  }
}

async function openSlots(
  bytes: Uint8Array,
  kind: SlotKind,
  openWith: OpenWith,
): Promise<OpenKeyring | undefined> {
  for (const slot of peekKeyring(bytes).slots) {
    if (slot.kind !== kind) continue;
    const plaintext = await openSlot(slot, openWith);
    if (plaintext === undefined) continue;
    const secrets = decodeSecrets(plaintext);
    return { bytes, keyring: decodeKeyring(bytes, { hashing, logKey: secrets.logKey }), secrets };
  }
  return undefined;
}

async function openSlot(slot: KeyringSlot, openWith: OpenWith): Promise<Uint8Array | undefined> {
  try {
    return await open(slot.sealed, openWith);
  } catch (error) {
    if (isDeskPodError(error, 'PASSPHRASE_WRONG') || isDeskPodError(error, 'KEYRING_NO_IDENTITY'))
      return undefined;
    if (!isDeskPodError(error, 'OBJECT_DAMAGED')) throw error;
    throw new DeskPodError('KEYRING_DAMAGED', `keyring: slot ${slot.label}: ${error.message}`, {
      cause: error,
    });
  }
}

async function sealSlot(kind: SlotKind, secrets: Secrets, slot: NewSlot, to: SealTo): Promise<KeyringSlot> {
  const sealed = await seal(encodeSecrets(secrets), to);
  return { kind, label: slot.label, createdAtMs: slot.createdAtMs, sealed };
}

function passphraseOf({ passphrase, workFactor }: NewPassphraseSlot): SealTo {
  return workFactor === undefined ? { passphrase } : { passphrase, workFactor };
}

function withSlot({ keyring, secrets }: OpenKeyring, slot: KeyringSlot): OpenKeyring {
  const { podId, generation, slots } = keyring;
  return encoded({ podId, generation: generation + 1, slots: [...slots, slot] }, secrets);
}

function encoded(keyring: Keyring, secrets: Secrets): OpenKeyring {
  return { bytes: encodeKeyring(keyring, { hashing, logKey: secrets.logKey }), keyring, secrets };
}

function fresh(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}
