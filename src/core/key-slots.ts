// Rules for the slots of a keyring: which one is meant, what it may be called, and which one must stay.
import { utf8 } from './bytes.ts';
import { DeskPodError } from './errors.ts';
import type { Hashing } from './hashing.ts';
import { type KeyringSlot, SLOTS_MAX, slotIdOf } from './keyring.ts';

const LABEL_MAX_BYTES = 128;
/** Controls, line and paragraph separators, and what turns the direction of writing: a list of slots must stay one. */
const NOT_IN_LABELS = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** What a removal goes by. */
export interface RemovalFacts {
  /** Slots that go, by index. */
  readonly removed: readonly number[];
  /** The slot that the user has just opened. */
  readonly provenIndex: number;
  /** The user was asked and said yes. */
  readonly isConfirmed: boolean;
}

/** @throws DeskPodError USAGE for a label that is empty, too long, or could disguise itself in a list */
export function requireLabel(label: string): void {
  const sizeBytes = utf8(label).length;
  if (label.trim() !== '' && sizeBytes <= LABEL_MAX_BYTES && !NOT_IN_LABELS.test(label)) return;
  throw new DeskPodError(
    'USAGE',
    `label: expected 1 to ${LABEL_MAX_BYTES} bytes of text without control characters, got ${sizeBytes} bytes`,
    { hint: 'Give a short name with --label, such as "laptop" or "notary".' },
  );
}

/** @throws DeskPodError USAGE if the keyring is full */
export function requireRoom(slots: readonly KeyringSlot[]): void {
  if (slots.length < SLOTS_MAX) return;
  throw new DeskPodError(
    'USAGE',
    `keyring: expected room for one more slot, got ${slots.length} of ${SLOTS_MAX}`,
    {
      hint: 'Remove one that is not needed with `deskpod keys remove SLOT`.',
    },
  );
}

/**
 * The index of the slot with this id, or with this label if only one has it.
 *
 * @throws DeskPodError USAGE if none or several are meant
 */
export function findSlot(slots: readonly KeyringSlot[], wanted: string, hashing: Hashing): number {
  const byId = slots.findIndex((slot) => slotIdOf(slot, hashing) === wanted.toLowerCase());
  if (byId >= 0) return byId;
  const [first, ...others] = slots.flatMap(({ label }, index) => (label === wanted ? [index] : []));
  if (first !== undefined && others.length === 0) return first;
  throw new DeskPodError(
    'USAGE',
    first === undefined
      ? `keyring: there is no slot "${shortened(wanted)}"`
      : `keyring: ${others.length + 1} slots are called "${shortened(wanted)}"`,
    { hint: 'Name a slot by its id, as `deskpod keys list` shows it.' },
  );
}

/**
 * Sees to it that the user can still open the pod: never without a passphrase or recovery key, as a passkey opens nothing
 * where its authenticator and a browser are not, nor a home's slot anything elsewhere, and without a passphrase only if he was asked. A slot that is left proves
 * nothing by itself: its key may be lost.
 *
 * @throws DeskPodError KEY_NEEDED; `details.canConfirm` tells whether a yes would do
 */
export function requireOpenable(slots: readonly KeyringSlot[], facts: RemovalFacts): void {
  const left = slots.filter((_slot, index) => !facts.removed.includes(index));
  const typed = left.filter(({ kind }) => kind === 'passphrase' || kind === 'recovery');
  if (typed.length === 0) {
    throw new DeskPodError(
      'KEY_NEEDED',
      left.length === 0
        ? 'keyring: the last slot stays, as nothing would open the pod without it'
        : 'keyring: the last passphrase or recovery key stays, as passkeys and homes open the pod only where they are',
      {
        hint: 'Add another one first: `deskpod keys add` or `deskpod keys recovery`.',
        details: { canConfirm: false },
      },
    );
  }
  if (facts.isConfirmed || left.some(({ kind }) => kind === 'passphrase')) return;
  const isProvenLeft = typed.some((slot) => slot === slots[facts.provenIndex]);
  throw new DeskPodError(
    'KEY_NEEDED',
    `keyring: no passphrase would be left, only ${describe(typed, isProvenLeft)}`,
    {
      hint: 'Add a passphrase first with `deskpod keys add`, or give --yes if the recovery key is at hand.',
      details: { canConfirm: true },
    },
  );
}

function describe(slots: readonly KeyringSlot[], isProven: boolean): string {
  const [what, were] =
    slots.length === 1 ? ['a recovery key', 'was'] : [`${slots.length} recovery keys`, 'were'];
  return isProven ? what : `${what} that ${were} not shown to be at hand`;
}

function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}
