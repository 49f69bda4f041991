// How large a LUKS vault is made: its size is fixed from then on, and so is what is left beside it.
import { DeskPodError } from '../../core/errors.ts';
import { formatBytes } from '../../core/quantities.ts';
import type { VaultRoom } from './vault.ts';

const BLOCK_BYTES = 1024 * 1024; // 1 MiB
/** LUKS2's own header and key slots. */
const HEADER_BYTES = 16 * BLOCK_BYTES;
/** What the file system in it takes for its journal and tables: a share of it, and at least this. */
const FILE_SYSTEM_SHARE = 1.06;
const FILE_SYSTEM_BYTES = 16 * BLOCK_BYTES;

/**
 * The size of the container on a device with that much free: room for what will be in it, and half of what then is left.
 * The repository, which gets the other half, holds the layer's files again, packed, and all their former states.
 * @throws DeskPodError DEVICE_TOO_SMALL
 */
export function luksVaultBytes(
  freeBytes: number,
  room: VaultRoom = { vaultBytes: 0, plainBytes: 0 },
): number {
  const leastBytes = HEADER_BYTES + FILE_SYSTEM_BYTES + Math.ceil(room.vaultBytes * FILE_SYSTEM_SHARE);
  const spareBytes = freeBytes - leastBytes - room.plainBytes;
  if (spareBytes < 0) {
    const neededBytes = leastBytes + room.plainBytes;
    throw new DeskPodError(
      'DEVICE_TOO_SMALL',
      `a LUKS vault and its repository need ${formatBytes(neededBytes)}, the device has ${formatBytes(freeBytes)} free`,
      {
        hint: 'choose a larger device, or `--vault fscrypt`, which takes no more room than its files',
        details: { neededBytes, freeBytes },
      },
    );
  }
  return Math.floor((leastBytes + spareBytes / 2) / BLOCK_BYTES) * BLOCK_BYTES;
}
