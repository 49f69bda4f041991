// The runtime that a device carries in its plain part, so that a host needs to have nothing: put there, compared, taken away.
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { CarriedRuntime } from '../../core/home-state.ts';
import { hashing } from '../../sync/hashing.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { isSystemError, publish, syncFolder, writeTemporary } from '../../sync/repository/durable-file.ts';
import { type HashedBytes, hashFile, piecesOf, writeHashed } from '../../sync/repository/hashed-file.ts';
import { ENTRY_NAME, RUNTIME_NAME, UNFINISHED_SUFFIX } from '../device/device-content.ts';
import { reportDeviceFull } from '../device/device-full.ts';
import { ENTRY_SCRIPT } from './entry-script.ts';

/**
 * How what is found on a device stands to what its log says. `none`: it carries none, and should not. `as-put`: what was
 * put there. `altered`: something else. `missing`: it is gone, or half of it. `unlisted`: there is one that the log does not
 * know of.
 */
export type RuntimeStanding = 'none' | 'as-put' | 'altered' | 'missing' | 'unlisted';

/** What was found of a device's runtime. */
export interface RuntimeReport {
  readonly standing: RuntimeStanding;
  /** Length of the image that lies there; 0 if there is none. */
  readonly sizeBytes: number;
  /** Files of it that are not those that were put there. */
  readonly altered: readonly string[];
  /** True if it is the one that this host would put there; undefined if this host has none. */
  readonly isThisHosts: boolean | undefined;
}

/** An image of a runtime on this host. */
export interface RuntimeImage {
  readonly path: string;
  readonly sizeBytes: number;
}

/** The image that `ops/setup` makes of this very program. */
const OWN_IMAGE = fileURLToPath(new URL('../../../build/runtime.erofs', import.meta.url));

const ENTRY_BYTES = new TextEncoder().encode(ENTRY_SCRIPT);
/** No script that starts a runtime was ever longer. */
const ENTRY_MAX_BYTES = 64 * 1024;

/** This program's own, or the one that it was started from: DESKPOD_RUNTIME_IMAGE. */
function imagePath(): string {
  return process.env.DESKPOD_RUNTIME_IMAGE ?? OWN_IMAGE;
}

/**
 * The runtime that this host can put on devices.
 * @throws DeskPodError RUNTIME_MISSING
 */
export async function findRuntimeImage(path = imagePath()): Promise<RuntimeImage> {
  try {
    return { path, sizeBytes: (await stat(path)).size };
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT')) throw cause;
    throw new DeskPodError(
      'RUNTIME_MISSING',
      `${path}: expected the runtime for devices to carry, got none`,
      {
        hint: 'Run ops/setup as root to make it, or leave it out with --no-runtime: the device then needs hosts with DeskPod.',
        details: { path },
        cause,
      },
    );
  }
}

/** What the log says of an image once it is put somewhere. Reads all of it. */
export async function describeImage({ path }: RuntimeImage): Promise<CarriedRuntime> {
  const { sha256, sizeBytes } = await hashFile(path);
  return { sha256, entrySha256: toHex(hashing.sha256(ENTRY_BYTES)), sizeBytes };
}

/** Bytes that the runtime on a mounted device takes; 0 if there is none. Nothing is read. */
export async function carriedBytes(mountDir: string): Promise<number> {
  let sizeBytes = 0;
  for (const name of [RUNTIME_NAME, ENTRY_NAME]) sizeBytes += await sizeIfThere(join(mountDir, name));
  return sizeBytes;
}

/** True if a mounted device seems to carry this very runtime: by the lengths of its files. What they hold a check reads. */
export async function seemsToCarry(mountDir: string, runtime: CarriedRuntime): Promise<boolean> {
  const isImage = (await sizeIfThere(join(mountDir, RUNTIME_NAME))) === runtime.sizeBytes;
  return isImage && (await sizeIfThere(join(mountDir, ENTRY_NAME))) > 0;
}

/**
 * Puts a runtime on a mounted device, in the place of any other. The former one is there whole until the new one is.
 * @returns what the log is to say of it
 * @throws DeskPodError DEVICE_FULL; the former one stays then
 */
export function putRuntime(mountDir: string, image: RuntimeImage): Promise<CarriedRuntime> {
  return reportDeviceFull(mountDir, 'the runtime', async () => {
    const { sha256, sizeBytes } = await replaceFile(
      join(mountDir, RUNTIME_NAME),
      0o644,
      piecesOf(image.path),
    );
    const entry = await replaceFile(join(mountDir, ENTRY_NAME), 0o755, [ENTRY_BYTES]);
    return { sha256, entrySha256: entry.sha256, sizeBytes };
  });
}

/** Takes the runtime of a mounted device away; nothing happens if it has none. */
export async function removeRuntime(mountDir: string): Promise<void> {
  for (const name of [ENTRY_NAME, RUNTIME_NAME])
    for (const suffix of ['', UNFINISHED_SUFFIX])
      await rm(join(mountDir, `${name}${suffix}`), { recursive: true, force: true });
  await syncFolder(mountDir);
}

/**
 * Reads all of a mounted device's runtime, and compares it with what the log says. Nothing of it is run. What has another
 * length than anything that was ever put there is not read: whoever had the drive may have made it without end.
 */
export async function examineRuntime(
  mountDir: string,
  logged: CarriedRuntime | undefined,
): Promise<RuntimeReport> {
  const own = await hashIfThere(imagePath(), () => true);
  const lengths = [logged?.sizeBytes, own?.sizeBytes];
  const image = await hashIfThere(join(mountDir, RUNTIME_NAME), (sizeBytes) => lengths.includes(sizeBytes));
  const entry = await hashIfThere(join(mountDir, ENTRY_NAME), (sizeBytes) => sizeBytes <= ENTRY_MAX_BYTES);
  const isFound = image !== undefined || entry !== undefined;
  const altered: string[] = [];
  if (image !== undefined && image.sha256 !== logged?.sha256) altered.push(RUNTIME_NAME);
  if (entry !== undefined && entry.sha256 !== logged?.entrySha256) altered.push(ENTRY_NAME);
  const isWhole = image !== undefined && entry !== undefined;
  let standing: RuntimeStanding;
  if (logged === undefined) standing = isFound ? 'unlisted' : 'none';
  else if (altered.length > 0) standing = 'altered';
  else standing = isWhole ? 'as-put' : 'missing';
  const isThisHosts = own === undefined ? undefined : own.sha256 === image?.sha256;
  return { standing, sizeBytes: image?.sizeBytes ?? 0, altered, isThisHosts };
}

/** True if nothing is on the device, or just what was put there. */
export function isAsPut({ standing }: RuntimeReport): boolean {
  return standing === 'none' || standing === 'as-put';
}

async function replaceFile(
  path: string,
  mode: number,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<HashedBytes> {
  const temporary = `${path}${UNFINISHED_SUFFIX}`;
  // others may have made a folder there
  await rm(temporary, { recursive: true, force: true });
  const written = await writeTemporary(temporary, async (file) => {
    await file.chmod(mode);
    return writeHashed(file, pieces);
  });
  await publish(temporary, path);
  return written;
}

async function sizeIfThere(path: string): Promise<number> {
  return (await statusAt(path))?.size ?? 0;
}

/** A file that may have been put there; of one that cannot, by its length, there is no hash. */
async function hashIfThere(
  path: string,
  mayBe: (sizeBytes: number) => boolean,
): Promise<(Partial<HashedBytes> & Pick<HashedBytes, 'sizeBytes'>) | undefined> {
  try {
    const { size: sizeBytes } = await stat(path);
    return mayBe(sizeBytes) ? await hashFile(path) : { sizeBytes };
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
