// deskpod home: the places that a pod is copied to.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { isDevice } from '../../session/twin/twin-place.ts';
import { confirmErasing, type EraseOptions } from '../confirm.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { askHomePassword, HOME_PASSWORD_OPTION, type HomePasswordOptions } from '../home-password.ts';
import { parseSize } from '../units.ts';
import { registerHomeAllow } from './home-allow.ts';
import { registerHomeCheck } from './home-check.ts';
import { registerHomeLease } from './home-lease.ts';
import { registerHomePrune } from './home-prune.ts';
import { registerReceive } from './home-receive.ts';
import { describeHome } from './status.ts';

interface AddOptions extends HomePasswordOptions, EraseOptions {
  readonly twin?: boolean;
  /** In bytes. */
  readonly size?: number;
}

const TWIN_HELP = `
A twin is a second device: a drive or image file for a desktop, with --twin an empty folder for a tree pod. Syncs keep it
up to date when it is plugged in. When the first device is lost, \`deskpod start TWIN\` makes it the pod, and the session goes on.`;

/** Adds `deskpod home` and what it can do. */
export function registerHome(program: Command): void {
  const home = program.command('home').description('the places that the pod is copied to');

  withPodOptions(home.command('add'))
    .argument(
      '<url>',
      'a folder, user@host:/path, ssh://user@host:port/path, rsync://user@host:port/module, or a device',
    )
    .option('--twin', 'make it a twin; a drive, an image file or --size mean one anyway')
    .option('--size <size>', 'of an image file to be made for a twin, such as 8G', parseSize)
    .option('--force', 'erase what is on the device that becomes a twin')
    .option('--yes', 'with --force: do not ask')
    .option(...HOME_PASSWORD_OPTION)
    .description('make a place a home of this pod; it becomes a home if it is empty or not there yet')
    .addHelpText('after', TWIN_HELP)
    .action(async (given: string, options: AddOptions, command: Command) => {
      const url = absoluteUrl(given);
      if (await isTwinMeant(url, options)) return addTwin(url, options, command);
      const homePassword = await askHomePassword(url, options);
      const answer = await operateOn(command, 'home-add', {
        url,
        ...(homePassword === undefined ? {} : { homePassword }),
      });
      contextOf(command).output.result(
        answer,
        `${answer.url} is a home of this pod now; deskpod sync fills it`,
      );
    });

  registerHomeAllow(home);
  registerHomeCheck(home);
  registerHomeLease(home);
  registerHomePrune(home);

  withPodOptions(home.command('list'))
    .description('the homes of this pod and what each of them lacks')
    .action(async (_options: unknown, command: Command) => {
      const answer = await operateOn(command, 'home-list', {});
      const text = answer.homes.map(describeHome).join('\n');
      contextOf(command).output.result(answer, text === '' ? 'no home yet; see deskpod home add' : text);
    });

  withPodOptions(home.command('remove'))
    .argument('<url>', 'as deskpod home list shows it')
    .description('stop copying to a home; what lies there stays there')
    .action(async (url: string, _options: unknown, command: Command) => {
      const answer = await operateOn(command, 'home-remove', { url: absoluteUrl(url) });
      const text = `${answer.url} is no home of this pod any more; its copy stays there`;
      contextOf(command).output.result(answer, [text, ...answer.warnings].join('\n'));
    });

  registerReceive(home);
}

async function isTwinMeant(url: string, { twin, size, force }: AddOptions): Promise<boolean> {
  const isMeant = twin === true || size !== undefined;
  if (url.startsWith('/')) return isMeant || (await isDevice(url));
  if (!isMeant && force !== true) return false;
  throw new DeskPodError(
    'USAGE',
    `a twin is a drive, an image file or a folder of this computer, got ${url}`,
    {
      hint: 'Leave out --twin, --size and --force for a home on another computer.',
    },
  );
}

async function addTwin(path: string, options: AddOptions, command: Command): Promise<void> {
  const seen = await confirmErasing(path, options);
  const twin = {
    isForced: options.force === true,
    ...(seen === undefined ? {} : { seen }),
    ...(options.size === undefined ? {} : { sizeBytes: options.size }),
  };
  const answer = await operateOn(command, 'home-add', { url: path, twin });
  contextOf(command).output.result(
    answer,
    [
      `${path} is a twin of this pod now (${answer.url}); deskpod sync fills it`,
      `When this device is lost: deskpod start ${path}`,
      ...answer.warnings,
    ].join('\n'),
  );
}

/** A folder's absolute path, since the log outlives the directory that the command ran in; other URLs as they are. */
export function absoluteUrl(url: string): string {
  const isRemote = url.includes('://') || /^[^/]+:/.test(url);
  return isRemote ? url : resolve(url);
}
