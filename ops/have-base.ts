// A base with certain packages, built if this host does not have it.
import { isDeskPodError } from '../src/core/errors.ts';
import { findBase } from '../src/session/base/base.ts';
import { run } from '../src/sync/process.ts';

/** Builds the base of that name if it is absent, with these packages besides what every base has. Takes minutes then. */
export async function haveBase(name: string, packages: readonly string[]): Promise<void> {
  try {
    await findBase(name);
  } catch (error) {
    if (!isDeskPodError(error, 'BASE_NOT_FOUND')) throw error;
    process.stderr.write(`building the base ${name}\n`);
    const deskpod = new URL('../bin/deskpod', import.meta.url).pathname;
    await run(deskpod, ['base', 'build', name, ...(packages.length === 0 ? [] : ['--package', ...packages])]);
  }
}
