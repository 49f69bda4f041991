// deskpod view: the session in a browser, which opens the pod first if that is to be done.
import type { Command } from 'commander';
import { isDeskPodError } from '../../core/errors.ts';
import { findPod } from '../../session/operation/target.ts';
import { openInBrowser } from '../browser.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { DEFAULT_GEOMETRY } from '../geometry.ts';

/** Adds `deskpod view`. */
export function registerView(program: Command): void {
  withPodOptions(program.command('view'))
    .description(
      'show the session in a browser; of a pod that does not run, a page that opens it by passphrase or passkey (root): of the ' +
        'one that is plugged in, without --device. ' +
        'The address works once',
    )
    .option('--window', 'in a window of its own, without tabs and bars, if a browser here can do that')
    .action(async ({ window: asWindow }: { readonly window?: boolean }, command: Command) => {
      const { output } = contextOf(command);
      const answer = await operateOn(command, 'view', {}).catch((error: unknown) => openDoor(command, error));
      if (!output.isMachine) await openInBrowser(answer.url, { asWindow: asWindow === true });
      output.result(answer, answer.url);
    });
}

/** What serves the page goes on when this command has ended, until the session runs or nobody is there. */
async function openDoor(command: Command, failure: unknown): Promise<{ readonly url: string }> {
  const { device } = command.optsWithGlobals<{ device?: string }>();
  const isUnnamed = device === undefined && isDeskPodError(failure, 'USAGE') && failure.details.inUse === 0;
  if (!isUnnamed && !isDeskPodError(failure, 'SESSION_NOT_RUNNING')) throw failure;
  const target = await findPod(isUnnamed ? await pluggedPod() : device);
  if (target.kind === 'tree') throw failure;
  const { launchDoor } = await import('../../session/door/launch-door.ts');
  return launchDoor({ devicePath: target.path, geometry: DEFAULT_GEOMETRY });
}

async function pluggedPod(): Promise<string> {
  const { findPluggedPod } = await import('../../session/dashboard/plugged-pod.ts');
  return findPluggedPod();
}
