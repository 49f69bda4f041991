// The header of a LUKS2 container, which lies on the drive's plain part: what DeskPod makes, and nothing else, is opened.

/** How the container's data is encrypted. */
export const LUKS_CIPHER = 'aes-xts-plain64';
/** The key is 64 random bytes already: stretching it would cost time and add nothing. */
export const LUKS_ITERATIONS = 1000;
export const LUKS_HASH = 'sha256';
/** Two that hold the same: a bad sector in the one leaves the other. */
export const LUKS_SLOTS = 2;
export const LUKS_SECTOR_BYTES = 4096;

/** The part of the header's JSON that is looked at; anyone may have written it. */
interface Header {
  readonly segments?: Readonly<Record<string, Segment>>;
  readonly keyslots?: Readonly<Record<string, Slot>>;
  readonly digests?: Readonly<Record<string, { readonly iterations?: number }>>;
  readonly tokens?: Readonly<Record<string, unknown>>;
  readonly config?: { readonly flags?: readonly string[]; readonly requirements?: unknown };
}

interface Segment {
  readonly type?: string;
  readonly encryption?: string;
  readonly sector_size?: number;
  readonly integrity?: unknown;
}

interface Slot {
  readonly type?: string;
  readonly area?: { readonly encryption?: string };
  readonly kdf?: { readonly type?: string; readonly hash?: string; readonly iterations?: number };
}

/**
 * What in a header is not as DeskPod makes it, as one phrase; `undefined` if nothing is. A null cipher would open with
 * any key on older versions of cryptsetup (CVE-2025-59054) and have secrets written in the clear; a costly key
 * derivation would take the host's memory; a token would have cryptsetup load a plugin of the drive's choice.
 * @param json what `cryptsetup luksDump --dump-json-metadata` printed
 * @throws SyntaxError if it is no JSON
 */
export function foreignInLuksHeader(json: string): string | undefined {
  const header = JSON.parse(json) as Header;
  const segments = Object.values(header.segments ?? {});
  const slots = Object.values(header.keyslots ?? {});
  const ciphers = [
    ...segments.map(({ encryption }) => encryption),
    ...slots.map(({ area }) => area?.encryption),
  ];
  const other = ciphers.findIndex((cipher) => cipher !== LUKS_CIPHER);
  if (other >= 0) return `the cipher ${ciphers[other] ?? 'none'}, expected ${LUKS_CIPHER}`;
  if (segments.length !== 1) return `${segments.length} segments, expected one`;
  if (!segments.every(isOurSegment)) return 'a segment of another kind';
  if (slots.length < 1 || slots.length > LUKS_SLOTS)
    return `${slots.length} key slots, expected ${LUKS_SLOTS}`;
  if (!slots.every(isOurSlot)) return 'a key slot of another kind';
  if (!Object.values(header.digests ?? {}).every(({ iterations }) => iterations === LUKS_ITERATIONS))
    return 'a digest of another kind';
  if (Object.keys(header.tokens ?? {}).length > 0) return 'a token';
  if ((header.config?.flags ?? []).length > 0) return `the flags ${header.config?.flags?.join(', ')}`;
  return header.config?.requirements === undefined ? undefined : 'requirements of another program';
}

function isOurSegment({ type, integrity, sector_size }: Segment): boolean {
  return type === 'crypt' && integrity === undefined && sector_size === LUKS_SECTOR_BYTES;
}

function isOurSlot({ type, kdf }: Slot): boolean {
  return (
    type === 'luks2' && kdf?.type === 'pbkdf2' && kdf.hash === LUKS_HASH && kdf.iterations === LUKS_ITERATIONS
  );
}
