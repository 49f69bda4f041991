// deskpod promote: homes that keep this device's history as a branch go on with it instead.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { askHomePassword, HOME_PASSWORD_OPTION, type HomePasswordOptions } from '../home-password.ts';
import { absoluteUrl } from './home.ts';
import { tellOutcomes } from './sync.ts';

const HELP = `
For a device whose history is a branch at a home, as another one was restored in its place, or a copy of it has gone on:
if this is the device to go on with, its homes follow it from now on. What they went on with is kept there as a branch, and
nothing is overwritten. The branch that it was stays in the list, until \`deskpod home prune --forget-branch\` gives it up. A
twin becomes the pod with \`deskpod start\`.`;

/** Adds `deskpod promote`. */
export function registerPromote(program: Command): void {
  withPodOptions(program.command('promote'))
    .argument('[url]', 'at one home only')
    .option(...HOME_PASSWORD_OPTION)
    .description('let homes that keep this device as a branch go on with it; what they had becomes a branch')
    .addHelpText('after', HELP)
    .action(async (given: string | undefined, options: HomePasswordOptions, command: Command) => {
      const url = given === undefined ? undefined : absoluteUrl(given);
      const homePassword = await askHomePassword(url, options);
      const { homes, ...promotion } = await operateOn(command, 'promote', {
        ...(url === undefined ? {} : { url }),
        ...(homePassword === undefined ? {} : { homePassword }),
      });
      const { deviceId, epoch, promotedAt } = promotion;
      const text =
        promotedAt.length === 0
          ? 'no home that was reached keeps this device as a branch: nothing is changed'
          : `this device is ${deviceId.slice(0, 8)} from now on (epoch ${epoch}), and goes on as the pod at ${promotedAt.join(', ')}`;
      await tellOutcomes(contextOf(command).output, homes, { answer: promotion, text });
    });
}
