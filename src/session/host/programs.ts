// The programs that run sessions: where they are on this host.
import { delimiter } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { runtimeDir } from './runtime.ts';

/** Paths or names of the programs that a session needs. */
export interface Programs {
  /** CRIU 4.2 or newer. */
  readonly criu: string;
  /** runc 1.3.6 or newer. */
  readonly runc: string;
  readonly pasta: string;
}

/** The programs of a runtime folder, with the system's own pasta. */
export function programsIn(dir = runtimeDir()): Programs {
  return { criu: `${dir}/bin/criu`, runc: `${dir}/bin/runc`, pasta: 'pasta' };
}

/** Debian's sudo and cron leave these out of PATH. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The folders in which programs are looked for: those of PATH, then those that it may lack. */
export function programFolders(): readonly string[] {
  const named = (process.env.PATH ?? '/usr/bin:/bin').split(delimiter).filter((folder) => folder !== '');
  return [...named, ...SYSTEM_FOLDERS];
}

/** The RUNTIME_MISSING of a program that is not there. */
export function missingProgram(program: string, cause: unknown): DeskPodError {
  return new DeskPodError('RUNTIME_MISSING', `${program}: the program is not there`, {
    hint: 'Run ops/setup as root to make the runtime folder.',
    details: { program },
    cause,
  });
}
