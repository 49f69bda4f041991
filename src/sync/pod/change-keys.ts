// Changing what opens a pod: the next keyring is written and proven, the log names it, the head names it, and last the
// former one goes. Killed anywhere, the pod opens with the former slots or with the new ones.
import { equalBytes, fromHex, toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { findSlot, requireLabel, requireOpenable, requireRoom } from '../../core/key-slots.ts';
import { type KeyringSlot, type SlotKind, slotIdOf } from '../../core/keyring.ts';
import { isPasskey, type Passkey, type PasskeyRequest } from '../../core/passkey-slot.ts';
import type { RecoverySheet } from '../../core/recovery-sheet.ts';
import { hashing } from '../hashing.ts';
import {
  addPasskeySlot,
  addPassphraseSlot,
  addRecoverySlot,
  changePassphraseSlot,
  type OpenKeyring,
  type ProvenKeyring,
  removeSlot,
} from '../keyring/keyring-file.ts';
import { passkeysOf } from '../keyring/passkeys.ts';
import { type Credential, openKeyring } from '../keyring/unlock.ts';
import { removeFormerKeyrings } from './former-keyrings.ts';
import type { Pod } from './pod.ts';

/** A slot of the keyring, without what opens it. */
export interface KeyReport {
  /** Stays the same as long as the slot is there. */
  readonly id: string;
  readonly kind: SlotKind;
  readonly label: string;
  readonly createdAtMs: number;
}

/** What a change of the keys did. */
export interface KeyChangeReport {
  readonly generation: number;
  readonly added: readonly KeyReport[];
  readonly removed: readonly KeyReport[];
  /** All slots that open the pod now. */
  readonly slots: readonly KeyReport[];
  /** Homes that have the former keyring until their next sync. */
  readonly homesBehind: readonly string[];
  /** What could not be tidied up, in sentences; the change is in force all the same. */
  readonly warnings: readonly string[];
}

/** A new recovery key, and the one sight of it. */
export interface RecoveryReport extends KeyChangeReport {
  readonly recoveryKey: string;
  readonly podId: string;
  readonly podName: string;
  /** URLs of the pod's homes, which its sheet names. */
  readonly homes: readonly string[];
}

/** A passphrase to be taken on. */
export interface NewPassphrase {
  readonly passphrase: string;
  /** What to call its slot. */
  readonly label?: string | undefined;
  /** scrypt's, if not the safe default. */
  readonly workFactor?: number | undefined;
}

/** A passkey to be taken on, as JSON carries it. */
export interface NewPasskey {
  /** All in hexadecimal: the id of the credential, the slot's nonce, and what the authenticator answered for it. */
  readonly credentialId: string;
  readonly nonce: string;
  readonly prf: string;
  readonly rpId: string;
  readonly transports: readonly string[];
  /** What to call its slot. */
  readonly label?: string | undefined;
}

/** The slots of the keyring in force. */
export async function listKeys(pod: Pod): Promise<{ generation: number; slots: KeyReport[] }> {
  const { generation, slots } = await pod.readKeyring();
  return { generation, slots: slots.map(describeSlot) };
}

/**
 * Adds a passphrase. What opens the pod now must be shown, also where the pod is open already.
 *
 * @throws DeskPodError PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, SPACE_EXHAUSTED; USAGE for a label or a passphrase that
 * cannot be taken, or a full keyring. Nothing has changed then.
 */
export async function addPassphrase(
  pod: Pod,
  credential: Credential,
  { passphrase, label = 'passphrase', workFactor }: NewPassphrase,
): Promise<KeyChangeReport> {
  requireLabel(label);
  requireOther(credential, passphrase);
  const proven = await prove(pod, credential);
  requireRoom(proven.keyring.slots);
  const next = await addPassphraseSlot(proven, slotOf(label, passphrase, workFactor));
  return commit(pod, proven, next, { passphrase });
}

/**
 * Adds a passkey.
 *
 * @throws DeskPodError as {@link addPassphrase}
 */
export async function addPasskey(
  pod: Pod,
  credential: Credential,
  given: NewPasskey,
): Promise<KeyChangeReport> {
  const { rpId, transports, label = 'passkey' } = given;
  requireLabel(label);
  const passkey: Passkey = { credentialId: fromHex(given.credentialId), rpId, transports };
  if (!isPasskey(passkey)) {
    throw new DeskPodError('USAGE', 'passkey: expected the id of a credential, got something else', {
      hint: 'Try another browser or authenticator.',
    });
  }
  const [nonce, prf] = [fromHex(given.nonce), fromHex(given.prf)];
  const proven = await prove(pod, credential);
  requireRoom(proven.keyring.slots);
  const next = await addPasskeySlot(proven, { ...passkey, nonce, prf, label, createdAtMs: Date.now() });
  return commit(pod, proven, next, { passkey: given.prf });
}

/**
 * Shows that a key opens the pod, and changes nothing.
 *
 * @returns the passkeys that the pod has
 * @throws DeskPodError PASSPHRASE_WRONG, KEYRING_NO_IDENTITY
 */
export async function proveKey(pod: Pod, credential: Credential): Promise<readonly PasskeyRequest[]> {
  return passkeysOf((await prove(pod, credential)).keyring.slots);
}

/**
 * Puts a new passphrase in the place of one: of the slot that is named, else of the one that `credential` opens, else
 * (shown the recovery key) of the only one.
 *
 * @throws DeskPodError as {@link addPassphrase}; USAGE if it is not clear which one
 */
export async function changePassphrase(
  pod: Pod,
  credential: Credential,
  { slot, passphrase, label, workFactor }: NewPassphrase & { readonly slot?: string | undefined },
): Promise<KeyChangeReport> {
  if (label !== undefined) requireLabel(label);
  requireOther(credential, passphrase);
  const proven = await prove(pod, credential);
  const index = choosePassphraseSlot(proven, slot);
  const kept = proven.keyring.slots[index]?.label ?? 'passphrase';
  const next = await changePassphraseSlot(proven, index, slotOf(label ?? kept, passphrase, workFactor));
  return commit(pod, proven, next, { passphrase });
}

/**
 * Makes a new recovery key. Those that there are stay, or go with `isReplacing`: that takes a passphrase for
 * `credential`, since nobody has seen the new key before the former ones are gone.
 *
 * @throws DeskPodError as {@link addPassphrase}
 */
export async function addRecoveryKey(
  pod: Pod,
  credential: Credential,
  {
    label = 'recovery key',
    isReplacing,
  }: { readonly label?: string | undefined; readonly isReplacing: boolean },
): Promise<RecoveryReport> {
  requireLabel(label);
  if (isReplacing && !('passphrase' in credential)) {
    throw new DeskPodError('USAGE', 'replacing recovery keys: expected the passphrase, got a recovery key', {
      hint: 'Set a passphrase with `deskpod keys change --recovery-key-file FILE` first.',
    });
  }
  const proven = await prove(pod, credential);
  const { slots } = proven.keyring;
  const replaced = isReplacing
    ? slots.flatMap(({ kind }, index) => (kind === 'recovery' ? [index] : []))
    : [];
  if (replaced.length === 0) requireRoom(slots);
  const next = await addRecoverySlot(proven, { label, createdAtMs: Date.now() }, replaced);
  const { recoveryKey } = next;
  const report = await commit(pod, proven, next, { recoveryKey });
  const { podId, name: podName, homes } = pod.state;
  return { ...report, recoveryKey, podId, podName, homes: homes.map(({ url }) => url) };
}

/** The sheet of a new recovery key. */
export function sheetOf({ added, recoveryKey, podId, podName, homes }: RecoveryReport): RecoverySheet {
  const [slot] = added;
  if (slot === undefined) throw new DeskPodError('KEYRING_DAMAGED', 'keyring: the new slot is not in it');
  return { podName, podId, label: slot.label, createdAtMs: slot.createdAtMs, recoveryKey, homes };
}

/**
 * Takes a slot away.
 *
 * @throws DeskPodError as {@link addPassphrase}; KEY_NEEDED for the last slot, and for the last passphrase unless
 * `isConfirmed`
 */
export async function removeKey(
  pod: Pod,
  credential: Credential,
  { slot, isConfirmed }: { readonly slot: string; readonly isConfirmed: boolean },
): Promise<KeyChangeReport> {
  const proven = await prove(pod, credential);
  const { slots } = proven.keyring;
  const index = findSlot(slots, slot, hashing);
  requireOpenable(slots, { removed: [index], provenIndex: proven.provenIndex, isConfirmed });
  return commit(pod, proven, removeSlot(proven, index), undefined);
}

/** The keyring in force, opened with a key of one of its slots. A change that was interrupted is finished first. */
export async function prove(pod: Pod, credential: Credential): Promise<ProvenKeyring> {
  const before = await pod.readHead();
  const head = await pod.publish();
  try {
    return await openKeyring(await pod.repository.readObject('keyrings', toHex(head.keyring)), credential);
  } catch (cause) {
    const isOfFormer =
      isDeskPodError(cause, 'PASSPHRASE_WRONG') || isDeskPodError(cause, 'KEYRING_NO_IDENTITY');
    if (!isOfFormer || before === undefined || equalBytes(before.keyring, head.keyring)) throw cause;
    throw new DeskPodError(
      cause.code,
      `${cause.message}: a change of keys that had been interrupted is finished now`,
      {
        hint: 'Give the key that was to be in force after that change.',
        cause,
      },
    );
  }
}

/** `shown` is the key of the slot that `next` has and `former` has not; undefined if nobody here has it. */
export async function commit(
  pod: Pod,
  former: OpenKeyring,
  next: OpenKeyring,
  shown: Credential | undefined,
): Promise<KeyChangeReport> {
  if (shown !== undefined) await requireOpens(next, shown);
  const { name: keyring } = await pod.repository.putObject('keyrings', next.bytes);
  await pod.append({ type: 'changeKeyring', keyring, generation: next.keyring.generation });
  await pod.publish().catch((cause: unknown) => {
    throw unfinished(cause);
  });
  const warnings = await removeFormerKeyrings(pod);
  const [before, after] = [former.keyring.slots.map(describeSlot), next.keyring.slots.map(describeSlot)];
  return {
    generation: next.keyring.generation,
    added: without(after, before),
    removed: without(before, after),
    slots: after,
    warnings,
    homesBehind: pod.state.homes.filter(({ seq }) => seq > 0).map(({ url }) => url),
  };
}

/** The log has the change, and the head could not follow. */
function unfinished(cause: unknown): unknown {
  if (!(cause instanceof DeskPodError)) return cause;
  return new DeskPodError(
    cause.code,
    `${cause.message}; the change of keys waits, and the former keys open the pod`,
    {
      hint: 'Free some space, then run `deskpod checkpoint`: it brings the new keys into force.',
      details: cause.details,
      cause,
    },
  );
}

/** A slot that does not open must be found before the one that it replaces is gone. */
async function requireOpens(next: OpenKeyring, shown: Credential): Promise<void> {
  const { secrets } = await openKeyring(next.bytes, shown);
  if (secrets.identity === next.secrets.identity && equalBytes(secrets.volumeKey, next.secrets.volumeKey))
    return;
  throw new DeskPodError(
    'KEYRING_DAMAGED',
    'keyring: the new slot does not give back the secrets of this pod',
  );
}

const OTHER_SLOTS: Readonly<Record<Exclude<SlotKind, 'passphrase'>, string>> = {
  recovery: 'recovery key',
  passkey: 'passkey',
  home: 'home',
};

function choosePassphraseSlot(
  { keyring: { slots }, provenIndex }: ProvenKeyring,
  wanted: string | undefined,
): number {
  const index = wanted === undefined ? undefined : findSlot(slots, wanted, hashing);
  const kind = index === undefined ? undefined : slots[index]?.kind;
  if (kind !== undefined && kind !== 'passphrase') {
    throw new DeskPodError(
      'USAGE',
      `keyring: expected a slot with a passphrase, got a ${OTHER_SLOTS[kind]}`,
      {
        hint: 'A recovery key is replaced with `deskpod keys recovery --replace`, a passkey by `keys add --passkey` and `keys remove`, a home by `deskpod home allow`.',
      },
    );
  }
  if (index !== undefined) return index;
  if (slots[provenIndex]?.kind === 'passphrase') return provenIndex;
  const [only, ...others] = slots.flatMap(({ kind }, at) => (kind === 'passphrase' ? [at] : []));
  if (only !== undefined && others.length === 0) return only;
  const count = only === undefined ? 0 : others.length + 1;
  throw new DeskPodError('USAGE', `keyring: expected one passphrase to change, got ${count}`, {
    hint:
      count === 0 ? 'Add one with `deskpod keys add`.' : 'Name its slot, as `deskpod keys list` shows it.',
  });
}

function requireOther(credential: Credential, passphrase: string): void {
  if (!('passphrase' in credential) || credential.passphrase !== passphrase) return;
  throw new DeskPodError('USAGE', 'the new passphrase is the one that was given to open the pod', {
    hint: 'Choose another one.',
  });
}

function slotOf(label: string, passphrase: string, workFactor: number | undefined) {
  const slot = { label, createdAtMs: Date.now(), passphrase };
  return workFactor === undefined ? slot : { ...slot, workFactor };
}

function describeSlot(slot: KeyringSlot): KeyReport {
  const { kind, label, createdAtMs } = slot;
  return { id: slotIdOf(slot, hashing), kind, label, createdAtMs };
}

function without(slots: readonly KeyReport[], others: readonly KeyReport[]): KeyReport[] {
  return slots.filter(({ id }) => !others.some((other) => other.id === id));
}
