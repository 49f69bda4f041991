// The keyring as the user meets it: made with a passphrase, opened with it, with the recovery key, or with a passkey.
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
import { decodePasskeySlot, encodePasskeySlot, type Passkey } from '../../core/passkey-slot.ts';
import { normalizeRecoveryKey } from '../../core/recovery-key.ts';
import { generateIdentity, type OpenWith, open, recipientOf, type SealTo, seal } from '../age/age.ts';
import { hashing } from '../hashing.ts';
import { decodeGrant, encodeGrant } from './home-grant.ts';
import { decodeSecrets, encodeSecrets, type Secrets } from './pod-secrets.ts';

/** A keyring whose secrets are known. */
export interface OpenKeyring {
  /** What {@link Repository.putObject} takes as one of the `keyrings`. */
  readonly bytes: Uint8Array;
  readonly keyring: Keyring;
  readonly secrets: Secrets;
}

/** A keyring that was opened with a key of one slot. */
export interface ProvenKeyring extends OpenKeyring {
  /** The slot whose key the user has shown to hold. */
  readonly provenIndex: number;
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
  /** Base-2 logarithm of scrypt's N; 17 without it. Tests take a low one. */
  readonly workFactor?: number;
}

/** A passkey's slot to be added. */
export interface NewPasskeySlot extends NewSlot, Passkey {
  /** 16 bytes, chosen at random for this slot. */
  readonly nonce: Uint8Array;
  /** What its authenticator answered for {@link prfInputsOf} of the nonce: 64 bytes. */
  readonly prf: Uint8Array;
}

/** A home's slot to be added. */
export interface NewHomeSlot extends NewSlot {
  /** As the pod's log has it. */
  readonly url: string;
  /** `age1…`, of the identity that the home keeps. */
  readonly recipient: string;
  /** With it the home gets all secrets; without, only what proves the pod's objects. */
  readonly mayRead: boolean;
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
export async function openWithPassphrase(bytes: Uint8Array, passphrase: string): Promise<ProvenKeyring> {
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
export async function openWithRecoveryKey(bytes: Uint8Array, typed: string): Promise<ProvenKeyring> {
  const opened = await openSlots(bytes, 'recovery', { identity: normalizeRecoveryKey(typed) });
  if (opened !== undefined) return opened;
  throw new DeskPodError('KEYRING_NO_IDENTITY', 'keyring: the recovery key opens no slot', {
    hint: 'Check that the recovery key is the one of this pod.',
  });
}

/**
 * Opens a keyring with what a passkey's authenticator answered (64 bytes). Throws KEYRING_NO_IDENTITY if no slot takes it,
 * KEYRING_DAMAGED, FORMAT_UNKNOWN.
 */
export async function openWithPasskey(bytes: Uint8Array, prf: Uint8Array): Promise<ProvenKeyring> {
  const opened = await openSlots(bytes, 'passkey', { prf });
  if (opened !== undefined) return opened;
  throw new DeskPodError('KEYRING_NO_IDENTITY', 'keyring: the passkey opens no slot', {
    hint: 'Use the passphrase. If the passkey was not taken away with `deskpod keys remove`, look at `deskpod keys list`.',
  });
}

/**
 * Opens a keyring with the identity of a home whose slot lets it read. Throws KEYRING_NO_IDENTITY if none does,
 * KEYRING_DAMAGED, FORMAT_UNKNOWN.
 */
export async function openWithHomeIdentity(bytes: Uint8Array, identity: string): Promise<ProvenKeyring> {
  const opened = await openSlots(bytes, 'home', { identity });
  if (opened !== undefined) return opened;
  throw new DeskPodError('KEYRING_NO_IDENTITY', 'keyring: no slot lets this home read the pod', {
    hint: 'Its owner allows that with `deskpod home allow URL --read`.',
  });
}

/**
 * The next generation of a keyring, with a home's slot; without the slots that it replaces. Throws USAGE for what is no
 * recipient.
 */
export async function addHomeSlot(
  opened: OpenKeyring,
  slot: NewHomeSlot,
  replaced: readonly number[] = [],
): Promise<OpenKeyring> {
  const { secrets } = opened;
  const { label, createdAtMs, url, recipient, mayRead } = slot;
  const { podId, logKey } = secrets;
  const grant = encodeGrant({ podId, logKey, url, secrets: mayRead ? secrets : undefined });
  const sealed = await seal(grant, { recipient }).catch((cause: unknown) => {
    throw new DeskPodError('USAGE', 'expected the recipient of a home (age1…), got something else', {
      hint: 'Print it on the computer that home is: `deskpod home identity`.',
      cause,
    });
  });
  const kept = opened.keyring.slots.filter((_slot, index) => !replaced.includes(index));
  return nextGeneration(opened, [...kept, { kind: 'home', label, createdAtMs, sealed }]);
}

/** The next generation of a keyring, with one passkey more. RangeError for what is none: see `isPasskey`. */
export async function addPasskeySlot(opened: OpenKeyring, slot: NewPasskeySlot): Promise<OpenKeyring> {
  const { nonce, prf } = slot;
  const { sealed: file, ...others } = await sealSlot('passkey', opened.secrets, slot, { nonce, prf });
  const added = { ...others, sealed: encodePasskeySlot({ ...passkeyOf(slot), file }) };
  return nextGeneration(opened, [...opened.keyring.slots, added]);
}

/** The next generation of a keyring, with one passphrase more. */
export async function addPassphraseSlot(opened: OpenKeyring, slot: NewPassphraseSlot): Promise<OpenKeyring> {
  const added = await sealSlot('passphrase', opened.secrets, slot, passphraseOf(slot));
  return nextGeneration(opened, [...opened.keyring.slots, added]);
}

/** The next generation of a keyring, with a new passphrase in the place of a slot. RangeError for no such slot. */
export async function changePassphraseSlot(
  opened: OpenKeyring,
  slotIndex: number,
  slot: NewPassphraseSlot,
): Promise<OpenKeyring> {
  requireIndex(opened, slotIndex);
  const changed = await sealSlot('passphrase', opened.secrets, slot, passphraseOf(slot));
  return nextGeneration(opened, opened.keyring.slots.with(slotIndex, changed));
}

/**
 * The next generation of a keyring, with a new recovery key, which is to be shown to the user and kept nowhere; without
 * the slots that it replaces.
 */
export async function addRecoverySlot(
  opened: OpenKeyring,
  slot: NewSlot,
  replaced: readonly number[] = [],
): Promise<OpenKeyring & { readonly recoveryKey: string }> {
  const recoveryKey = await generateIdentity();
  const added = await sealSlot('recovery', opened.secrets, slot, {
    recipient: await recipientOf(recoveryKey),
  });
  const kept = opened.keyring.slots.filter((_slot, index) => !replaced.includes(index));
  return { ...nextGeneration(opened, [...kept, added]), recoveryKey };
}

/** The next generation of a keyring, without one slot. RangeError for no such slot, or the last one. */
export function removeSlot(opened: OpenKeyring, slotIndex: number): OpenKeyring {
  requireIndex(opened, slotIndex);
  const { slots } = opened.keyring;
  if (slots.length === 1) throw new RangeError('expected another slot to be left, got none');
  return nextGeneration(opened, slots.toSpliced(slotIndex, 1));
}

function requireIndex({ keyring: { slots } }: OpenKeyring, slotIndex: number): void {
  if (slots[slotIndex] !== undefined) return;
  throw new RangeError(`expected a slot below ${slots.length}, got ${slotIndex}`);
}

/** A slot that is damaged keeps none of the others from being tried. */
async function openSlots(
  bytes: Uint8Array,
  kind: SlotKind,
  openWith: OpenWith,
): Promise<ProvenKeyring | undefined> {
  let damage: unknown;
  for (const [provenIndex, slot] of peekKeyring(bytes).slots.entries()) {
    if (slot.kind !== kind) continue;
    try {
      const plaintext = await openSlot(slot, openWith);
      if (plaintext === undefined) continue;
      const secrets = kind === 'home' ? decodeGrant(plaintext).secrets : decodeSecrets(plaintext);
      if (secrets === undefined) continue; // it may only write
      const keyring = decodeKeyring(bytes, { hashing, logKey: secrets.logKey });
      return { bytes, keyring, secrets, provenIndex };
    } catch (error) {
      if (!isDeskPodError(error, 'KEYRING_DAMAGED')) throw error;
      damage ??= error;
    }
  }
  if (damage !== undefined) throw damage;
  return undefined;
}

async function openSlot(slot: KeyringSlot, openWith: OpenWith): Promise<Uint8Array | undefined> {
  try {
    const file = slot.kind === 'passkey' ? decodePasskeySlot(slot.sealed).file : slot.sealed;
    return await open(file, openWith);
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

function passkeyOf({ credentialId, rpId, transports }: Passkey): Passkey {
  return { credentialId, rpId, transports };
}

function passphraseOf({ passphrase, workFactor }: NewPassphraseSlot): SealTo {
  return workFactor === undefined ? { passphrase } : { passphrase, workFactor };
}

function nextGeneration({ keyring, secrets }: OpenKeyring, slots: readonly KeyringSlot[]): OpenKeyring {
  return encoded({ podId: keyring.podId, generation: keyring.generation + 1, slots }, secrets);
}

function encoded(keyring: Keyring, secrets: Secrets): OpenKeyring {
  return { bytes: encodeKeyring(keyring, { hashing, logKey: secrets.logKey }), keyring, secrets };
}

function fresh(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}
