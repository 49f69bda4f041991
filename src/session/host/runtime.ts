// The runtime folder: the CRIU, runc and mkfs.erofs that sessions run on, beside the system's own.
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';

/** The oldest versions that work; older ones fail at a restore, not at the start. */
const NEEDED = { criu: '4.2', runc: '1.3.6', erofs: '1.8' } as const;

type ProgramName = keyof typeof NEEDED;

/** Where the programs of the runtime folder are, and what they are. */
export interface Runtime {
  readonly dir: string;
  readonly criuPath: string;
  readonly runcPath: string;
  readonly mkfsErofsPath: string;
  readonly criuVersion: string;
  readonly runcVersion: string;
}

/** The runtime folder of this host: DESKPOD_RUNTIME, or where `ops/setup` makes it. */
export function runtimeDir(): string {
  return process.env.DESKPOD_RUNTIME ?? '/var/lib/deskpod/runtime';
}

/**
 * Finds the programs in a runtime folder and looks at their versions, as the folder itself states them: nothing is run.
 * @throws DeskPodError RUNTIME_MISSING if one is not there, is no program, or is too old.
 */
export async function locateRuntime(dir = runtimeDir()): Promise<Runtime> {
  const versions = await readVersions(join(dir, 'versions.json'));
  const paths = {
    criu: join(dir, 'bin/criu'),
    runc: join(dir, 'bin/runc'),
    erofs: join(dir, 'bin/mkfs.erofs'),
  };
  for (const [name, path] of Object.entries(paths) as [ProgramName, string][]) {
    const found = versions[name];
    if (found === undefined || compareVersions(found, NEEDED[name]) < 0) {
      throw missing(`${path}: expected version ${NEEDED[name]} or newer, got ${found ?? 'none'}`, {
        path,
        found,
      });
    }
    try {
      await access(path, constants.X_OK);
    } catch (cause) {
      throw missing(`${path}: expected a program, got none`, { path }, cause);
    }
  }
  return {
    dir,
    criuPath: paths.criu,
    runcPath: paths.runc,
    mkfsErofsPath: paths.erofs,
    criuVersion: versions.criu ?? '',
    runcVersion: versions.runc ?? '',
  };
}

/** Compares two versions of numbers and dots: negative if `left` is older, 0 if they are equal, else positive. */
export function compareVersions(left: string, right: string): number {
  const ours = left.split('.').map(Number);
  const theirs = right.split('.').map(Number);
  for (let index = 0; index < Math.max(ours.length, theirs.length); index += 1) {
    const difference = (ours[index] ?? 0) - (theirs[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

async function readVersions(path: string): Promise<Partial<Record<ProgramName, string>>> {
  try {
    const versions: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof versions !== 'object' || versions === null) throw new TypeError('expected an object');
    return Object.fromEntries(
      Object.entries(versions).filter(([, version]) => /^\d+(\.\d+)*$/.test(String(version))),
    );
  } catch (cause) {
    throw missing(`${path}: expected the versions of a runtime folder, got none`, { path }, cause);
  }
}

function missing(message: string, details: Readonly<Record<string, unknown>>, cause?: unknown): DeskPodError {
  return new DeskPodError('RUNTIME_MISSING', message, {
    hint: 'Run ops/setup as root to make the runtime folder.',
    details,
    cause,
  });
}
