// deskpod home: the places that a pod is copied to.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { askHomePassword, HOME_PASSWORD_OPTION, type HomePasswordOptions } from '../home-password.ts';
import { registerHomeCheck } from './home-check.ts';
import { registerHomePrune } from './home-prune.ts';
import { registerReceive } from './home-receive.ts';
import { describeHome } from './status.ts';

/** Adds `deskpod home` and what it can do. */
export function registerHome(program: Command): void {
  const home = program.command('home').description('the places that the pod is copied to');

  withPodOptions(home.command('add'))
    .argument(
      '<url>',
      'a folder, user@host:/path, ssh://user@host:port/path or rsync://user@host:port/module',
    )
    .option(...HOME_PASSWORD_OPTION)
    .description('make a place a home of this pod; it becomes a home if it is empty or not there yet')
    .action(async (given: string, options: HomePasswordOptions, command: Command) => {
      const url = absoluteUrl(given);
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

  registerHomeCheck(home);
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
      contextOf(command).output.result(
        answer,
        `${answer.url} is no home of this pod any more; its copy stays there`,
      );
    });

  registerReceive(home);
}

/** A folder's absolute path, since the log outlives the directory that the command ran in; other URLs as they are. */
export function absoluteUrl(url: string): string {
  const isRemote = url.includes('://') || /^[^/]+:/.test(url);
  return isRemote ? url : resolve(url);
}
