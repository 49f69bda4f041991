// deskpod home allow, identity: what a home may do by itself with a device that is plugged in there.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { HOME_IDENTITY_FILE, requireHomeIdentity } from '../../sync/dock/home-identity.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { revocationOf } from '../revocation.ts';
import { absoluteUrl } from './home.ts';

interface AllowOptions {
  readonly read?: boolean;
  readonly recipient?: string;
  readonly identity: string;
}

const ALLOW_HELP = `
Home then takes over what a locked device holds: sealed, and without being able to read it. With --read it may also open
the pod, which restore drills need. \`deskpod keys remove URL\` takes it back.`;

const IDENTITY_OPTION = [
  '--identity <file>',
  'where the identity of this home lies',
  HOME_IDENTITY_FILE,
] as const;

/** Adds `allow` and `identity` to `deskpod home`. */
export function registerHomeAllow(home: Command): void {
  withPodOptions(home.command('allow'))
    .argument('<url>', 'a home of this pod, as deskpod home list shows it')
    .option('--read', 'it may also read the pod')
    .option('--recipient <age1>', 'of the computer that home is, as deskpod home identity prints it there')
    .option(...IDENTITY_OPTION)
    .description('let home take over by itself what lies on a device that is plugged in there')
    .addHelpText('after', ALLOW_HELP)
    .action(async (given: string, options: AllowOptions, command: Command) => {
      const url = absoluteUrl(given);
      const recipient = options.recipient ?? (await recipientHere(url, options.identity));
      const { output, credential: ask } = contextOf(command);
      const credential = await ask();
      const report = await operateOn(
        command,
        'home-allow',
        { credential, url, recipient, mayRead: options.read === true },
        credential,
      );
      const may =
        options.read === true ? 'may take over and read this pod' : 'may take over this pod, sealed';
      const lines = [
        `${url} ${may} now, when its device is plugged in there`,
        ...report.warnings,
        ...(report.removed.length > 0 ? revocationOf(report) : []),
      ];
      output.result({ ...report, url, recipient }, lines.join('\n'));
    });

  home
    .command('identity')
    .option(...IDENTITY_OPTION)
    .description('print what pods seal to this computer as a home; it is made if there is none')
    .action(async ({ identity: file }: { readonly identity: string }, command: Command) => {
      const { recipient } = await requireHomeIdentity(file);
      contextOf(command).output.result({ file, recipient }, recipient);
    });
}

/** A home in a folder of this computer has this computer's identity. */
async function recipientHere(url: string, file: string): Promise<string> {
  if (url.startsWith('/')) return (await requireHomeIdentity(file)).recipient;
  throw new DeskPodError('USAGE', `${url}: expected the recipient of that computer`, {
    hint: 'Run `deskpod home identity` there, and give what it prints with --recipient.',
  });
}
