// deskpod keys add --passkey: a fingerprint, or whatever an authenticator asks for, opens the pod in a browser.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { findPod } from '../../session/operation/target.ts';
import type { KeyChangeReport } from '../../sync/pod/change-keys.ts';
import { openInBrowser } from '../browser.ts';
import { contextOf, operateOn } from '../context.ts';

/** Has a page make a passkey and gives it a slot. What opens the pod is asked for, and tried, before. */
export async function addPasskey(command: Command, label = 'passkey'): Promise<KeyChangeReport> {
  const target = await findPod(command.optsWithGlobals<{ device?: string }>().device);
  if (target.kind === 'tree') {
    throw new DeskPodError('USAGE', `${target.dir} is a tree pod: no page opens it`, {
      hint: 'Passkeys are for pods with a session, which `deskpod view` opens.',
    });
  }
  const { output, credential: ask } = contextOf(command);
  const credential = await ask();
  const { podName, passkeys } = await operateOn(command, 'key-prove', { credential }, credential);
  const onUrl = (url: string): void => {
    output.progress({ step: `open ${url} in a browser on this computer: it makes the passkey` });
    if (!output.isMachine) void openInBrowser(url);
  };
  const { askForPasskey } = await import('../../session/door/ask-passkey.ts');
  return askForPasskey({ podName, label, known: passkeys, onUrl }, (passkey) =>
    operateOn(command, 'key-passkey', { credential, passkey }, credential),
  );
}
