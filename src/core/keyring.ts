// The keyring: the pod's secrets, sealed once for each key that may open them.
import { ByteReader, ByteWriter, equalBytes, toHex, utf8 } from './bytes.ts';
import { DeskPodError } from './errors.ts';
import { HASH_BYTES, type Hashing, type Sealing } from './hashing.ts';
import { ID_BYTES } from './segment.ts';

const MAGIC = 'DPY1';
const SLOT_KINDS = ['passphrase', 'recovery', 'passkey', 'home'] as const;
/** Each version knows so many of the slot kinds, and is written only where a slot needs it: older readers take the rest. */
const KINDS_BY_VERSION: ReadonlyMap<number, number> = new Map([
  [1, 2],
  [2, 3],
  [3, 4],
]);
const SLOT_MIN_BYTES = 1 + 1 + 8 + 4;
const SLOT_ID_DIGITS = 8;
/** Every passphrase slot costs whoever opens the keyring a second: a forged one may not cost an hour. */
export const SLOTS_MAX = 32;

/** What opens a slot. */
export type SlotKind = (typeof SLOT_KINDS)[number];

/** One way to open the keyring. */
export interface KeyringSlot {
  readonly kind: SlotKind;
  /** What the user calls it. */
  readonly label: string;
  readonly createdAtMs: number;
  /**
   * A standard age file, whose plaintext is the pod's secrets; that of a home is a grant, which need not hold all of them.
   * That of a passkey stands behind what its authenticator is asked for: see {@link decodePasskeySlot}.
   */
  readonly sealed: Uint8Array;
}

/** The slots of a pod's keyring; each change makes the next generation. */
export interface Keyring {
  readonly podId: Uint8Array;
  readonly generation: number;
  readonly slots: readonly KeyringSlot[];
}

/** How people and scripts name a slot: it stays the same as long as the slot is there. */
export function slotIdOf(slot: KeyringSlot, hashing: Hashing): string {
  return toHex(hashing.sha256(slot.sealed)).slice(0, SLOT_ID_DIGITS);
}

/** The bytes of a keyring. RangeError for more than {@link SLOTS_MAX} slots. */
export function encodeKeyring(keyring: Keyring, { hashing, logKey }: Sealing): Uint8Array {
  if (keyring.slots.length > SLOTS_MAX)
    throw new RangeError(`expected at most ${SLOTS_MAX} slots, got ${keyring.slots.length}`);
  const signed = new ByteWriter(1024)
    .text(MAGIC)
    .u8(versionOf(keyring.slots))
    .fixed(keyring.podId, ID_BYTES)
    .u32(keyring.generation)
    .u32(keyring.slots.length);
  for (const slot of keyring.slots) {
    signed
      .u8(SLOT_KINDS.indexOf(slot.kind) + 1)
      .prefixed(utf8(slot.label))
      .u64(slot.createdAtMs)
      .u32(slot.sealed.length)
      .bytes(slot.sealed);
  }
  return signed.fixed(hashing.hmac(logKey, signed.finish()), HASH_BYTES).finish();
}

/**
 * What a keyring says, with nothing proven: a slot must be opened first, and its logKey then proves the rest with
 * {@link decodeKeyring}. Throws KEYRING_DAMAGED or FORMAT_UNKNOWN.
 */
export function peekKeyring(bytes: Uint8Array): Keyring {
  const reader = new ByteReader(bytes, 'KEYRING_DAMAGED', 'keyring');
  reader.magic(MAGIC);
  const version = reader.version(...KINDS_BY_VERSION.keys());
  const podId = reader.take(ID_BYTES);
  const generation = reader.u32();
  const slotCount = reader.count(reader.u32(), SLOT_MIN_BYTES);
  if (slotCount > SLOTS_MAX) throw reader.damaged(`expected at most ${SLOTS_MAX} slots, got ${slotCount}`);
  const slots: KeyringSlot[] = [];
  for (let i = 0; i < slotCount; i++) {
    const kind = SLOT_KINDS[reader.u8() - 1];
    if (kind === undefined) throw reader.damaged(`expected a slot of ${SLOT_KINDS.join(', ')}, got another`);
    const label = textOf(reader);
    const createdAtMs = reader.u64();
    slots.push({ kind, label, createdAtMs, sealed: reader.take(reader.u32()) });
  }
  if (version !== versionOf(slots))
    throw reader.damaged(`expected version ${versionOf(slots)} for its slots, got ${version}`);
  reader.take(HASH_BYTES);
  reader.end();
  return { podId, generation, slots };
}

/** What a keyring says, proven by its MAC. Throws KEYRING_DAMAGED or FORMAT_UNKNOWN. */
export function decodeKeyring(bytes: Uint8Array, { hashing, logKey }: Sealing): Keyring {
  const keyring = peekKeyring(bytes);
  const signed = bytes.subarray(0, bytes.length - HASH_BYTES);
  if (!equalBytes(bytes.subarray(signed.length), hashing.hmac(logKey, signed))) {
    throw new DeskPodError('KEYRING_DAMAGED', 'keyring: expected the MAC of its bytes, got another');
  }
  return keyring;
}

/** The first version that knows all these kinds. */
function versionOf(slots: readonly KeyringSlot[]): number {
  const most = Math.max(0, ...slots.map(({ kind }) => SLOT_KINDS.indexOf(kind) + 1));
  for (const [version, kinds] of KINDS_BY_VERSION) if (kinds >= most) return version;
  throw new RangeError(`expected at most ${SLOT_KINDS.length} kinds of slots, got ${most}`);
}

function textOf(reader: ByteReader): string {
  const bytes = reader.prefixed();
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw reader.damaged('expected a label in UTF-8, got other bytes');
  }
}
