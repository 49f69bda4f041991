// Builds the base that pods start from unless told otherwise, if this host does not have it.

import { isDeskPodError } from '../src/core/errors.ts';
import { buildBase, findBase } from '../src/session/base/base.ts';

const NAME = 'desktop';

try {
  const base = await findBase(NAME).catch((error: unknown) => {
    if (isDeskPodError(error, 'BASE_NOT_FOUND') || isDeskPodError(error, 'BASE_DAMAGED')) return undefined;
    throw error;
  });
  if (base === undefined) {
    const startedAtMs = performance.now();
    const built = await buildBase({ name: NAME, onProgress: ({ step }) => console.error(step) });
    const seconds = Math.round((performance.now() - startedAtMs) / 1000);
    console.error(
      `base ${NAME}: ${Math.round(built.sizeBytes / 1024 ** 2)} MiB in ${seconds} s, ${built.path}`,
    );
  }
} catch (error) {
  if (!isDeskPodError(error)) throw error;
  console.error(`${error.message}\n${error.hint ?? ''}`);
  process.exitCode = 1;
}
