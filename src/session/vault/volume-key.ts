// The key of a vault: what it must look like.

/** The length of a volume key: random bytes from the keyring, for either kind of vault. */
export const VOLUME_KEY_BYTES = 64;

/** Refuses what cannot be a volume key. @throws TypeError */
export function requireVolumeKey(volumeKey: Uint8Array): void {
  if (volumeKey.length !== VOLUME_KEY_BYTES) {
    throw new TypeError(`volume key: expected ${VOLUME_KEY_BYTES} bytes, got ${volumeKey.length}`);
  }
  // A buffer that was wiped or never filled would make a vault that everybody can open.
  if (volumeKey.every((byte) => byte === 0)) throw new TypeError('volume key: all bytes are zero');
}
