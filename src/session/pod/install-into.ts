// Debian packages into a desktop pod, whatever its session is doing.
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { installPackages } from '../base/install.ts';
import { locateRuntime } from '../host/runtime.ts';
import { afterwards } from './afterwards.ts';
import type { Desktop } from './desktop.ts';

/** What an install did. */
export interface InstallReport {
  readonly packages: readonly string[];
  /** What the resume of a suspended session, and its next suspend, had to say. */
  readonly warnings: readonly string[];
}

/** Of the screen, should a session have to start afresh; a resumed one keeps its own. */
const GEOMETRY = { width: 1280, height: 800 };

/**
 * Installs packages. A suspended session is resumed for it and suspended again, so that no file changes beneath saved
 * processes.
 *
 * @throws DeskPodError INSTALL_FAILED, and what resuming and suspending throw
 */
export async function installInto(
  desktop: Desktop,
  packages: readonly string[],
  onProgress: ProgressListener,
): Promise<InstallReport> {
  if (desktop.session === undefined && desktop.pod.state.session.status === 'suspended') {
    const { warnings } = await desktop.start({ choice: 'default', geometry: GEOMETRY }, onProgress);
    const told = [...warnings];
    await afterwards(
      () => install(desktop, packages, onProgress).catch((error: unknown) => failedAfter(warnings, error)),
      async () => {
        told.push(...(await desktop.suspend(onProgress)).warnings);
      },
    );
    return { packages, warnings: told };
  }
  await desktop.root.mount();
  await afterwards(
    () => install(desktop, packages, onProgress),
    async () => {
      if (desktop.session === undefined) await desktop.root.unmount();
    },
  );
  return { packages, warnings: [] };
}

/** What the resume had to say is said once, and the install is all that answers. */
function failedAfter(warnings: readonly string[], error: unknown): never {
  if (warnings.length === 0 || !(error instanceof DeskPodError)) throw error;
  const { code, message, hint, details } = error;
  const told = [...(hint === undefined ? [] : [hint]), ...warnings].join(' ');
  throw new DeskPodError(code, message, { hint: told, details, cause: error });
}

async function install(
  desktop: Desktop,
  packages: readonly string[],
  onProgress: ProgressListener,
): Promise<void> {
  const { root, pod } = desktop;
  await root.markInUse();
  await installPackages({ mergedDir: root.mergedDir, packages, runtime: await locateRuntime(), onProgress });
  await pod.append({ type: 'recordPackages', packages });
  await pod.publish();
}
