// What a device lies on: by that a copy is told from its original, as long as nothing but the medium differs.
import { stat, statfs } from 'node:fs/promises';
import { ID_BYTES } from '../../core/segment.ts';
import { hashing } from '../hashing.ts';

/**
 * What a device lies on, in words that stay the same wherever it is plugged in and whatever it is called; undefined if
 * nothing there tells it from another.
 */
export type DevicePlace = string | undefined;

/**
 * File systems, by statfs(2), whose inodes keep number and time of birth for as long as they live: a copy has another
 * pair, what is only renamed keeps its own. FAT makes numbers up at each mount.
 */
const LASTING_INODES: ReadonlySet<number> = new Set([
  0xef53, // ext2 to ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs
]);

/** The place of a file or folder. */
export async function inodePlace(kind: 'image file' | 'folder', path: string): Promise<DevicePlace> {
  if (!LASTING_INODES.has((await statfs(path)).type)) return undefined;
  const { ino, birthtimeNs } = await stat(path, { bigint: true });
  return birthtimeNs > 0n ? `${kind} ${ino} of ${birthtimeNs}` : undefined;
}

/** The 16 bytes by which a marker names a place; zeros for one that cannot be told. */
export function placeId(place: DevicePlace, logKey: Uint8Array): Uint8Array {
  if (place === undefined) return new Uint8Array(ID_BYTES);
  return hashing.hmac(logKey, new TextEncoder().encode(`deskpod place ${place}`)).subarray(0, ID_BYTES);
}
