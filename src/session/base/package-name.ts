// Names of Debian packages, checked before any program sees them.
import { DeskPodError, type ErrorCode } from '../../core/errors.ts';

/** Debian policy 5.6.1. A minus at the end would tell apt to remove the package. */
const PACKAGE_NAME = /^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$/;
const LONGEST_NAME = 128;

/** True if `name` can be the name of a Debian package, and is nothing else to apt. */
export function isPackageName(name: string): boolean {
  return name.length <= LONGEST_NAME && PACKAGE_NAME.test(name);
}

/**
 * Refuses what is no name of a package: options, versions, files, patterns.
 * @param code the code of the failure: what was to be done with the packages
 */
export function requirePackageNames(names: readonly string[], code: ErrorCode): void {
  for (const name of names) {
    if (isPackageName(name)) continue;
    throw new DeskPodError(code, `"${name}" is no name of a Debian package`, {
      hint: 'Name packages in lower case, without version: for example gimp or libreoffice-calc.',
      details: { name },
    });
  }
}
