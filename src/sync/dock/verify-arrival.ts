// Whether what a sync brought home is there and whole: told at home, without any key.
import { join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { peekHead } from '../../core/head.ts';
import type { TransferOptions } from '../home/home.ts';
import { hashFile, isNamedBy } from '../repository/hashed-file.ts';
import { OBJECT_KINDS } from '../repository/repository.ts';
import { HomeFolder } from '../retention/home-folder.ts';
import { HomeInventories, needsOf } from '../retention/home-inventories.ts';

/** A file system may keep times to the second or two. */
const TIME_GRAIN_MS = 2000;

/** What home has of a pod. */
export interface Arrival {
  /** Objects that were hashed. */
  readonly checkedObjects: number;
}

/**
 * Looks whether home has all that its head needs, and hashes what came since a moment of home's own clock.
 * @throws DeskPodError HOME_DAMAGED; CANCELLED
 */
export async function verifyArrival(
  homeDir: string,
  podId: string,
  sinceMs: number,
  { onProgress, signal }: TransferOptions = {},
): Promise<Arrival> {
  const folder = new HomeFolder(join(homeDir, 'pods', podId));
  const headBytes = await folder.readHead();
  if (headBytes === undefined)
    throw wrong(homeDir, ['head'], `${homeDir}: expected the head of pod ${podId}, got none`);
  const heads = await new HomeInventories(folder).read(headBytes);
  const files = await folder.list(OBJECT_KINDS);
  const present = new Set(files.map(({ path }) => path));
  const needed = heads.filter(({ isPresent }) => isPresent).flatMap((head) => [...needsOf(head)]);
  const lacking = needed.filter((path) => !present.has(path));
  if (lacking.length > 0)
    throw wrong(homeDir, lacking, `${homeDir}: its head needs ${lacking[0]}, which is not there`);
  const fresh = files.filter(({ atMs }) => atMs >= sinceMs - TIME_GRAIN_MS);
  const damaged: string[] = [];
  for (const [index, { path }] of fresh.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ step: 'verifying what came', doneFiles: index, totalFiles: fresh.length });
    if (!isNamedBy(path, (await hashFile(join(folder.dir, path))).sha256)) damaged.push(path);
  }
  if (damaged.length > 0)
    throw wrong(homeDir, damaged, `${homeDir}: ${damaged[0]} does not have the bytes that its name promises`);
  return { checkedObjects: fresh.length };
}

/**
 * The position up to which home has what a device wrote: that of home's head if it is by that device, or else of the last
 * head of its branch. Undefined if there is none.
 *
 * @param ownId of the device, in hexadecimal
 * @throws DeskPodError HEAD_DAMAGED, OBJECT_DAMAGED
 */
export async function positionAtHome(
  homeDir: string,
  podId: string,
  ownId: string,
): Promise<number | undefined> {
  const folder = new HomeFolder(join(homeDir, 'pods', podId));
  const headBytes = await folder.readHead();
  if (headBytes === undefined) return undefined;
  const positionOf = (bytes: Uint8Array): number | undefined => {
    const { deviceId, seq } = peekHead(bytes);
    return toHex(deviceId) === ownId ? seq : undefined;
  };
  const position = positionOf(headBytes);
  if (position !== undefined) return position;
  // their names begin with their positions
  for (const { path } of (await folder.list(['branches'])).toReversed()) {
    const branched = positionOf(await folder.read(path));
    if (branched !== undefined) return branched;
  }
  return undefined;
}

function wrong(homeDir: string, damaged: readonly string[], message: string): DeskPodError {
  return new DeskPodError('HOME_DAMAGED', message, {
    hint: `\`deskpod verify -d DEVICE --home ${homeDir}\` sends it anew.`,
    details: { damaged },
  });
}
