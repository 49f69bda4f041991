// deskpod limit: how much of a host the sessions of a pod may use.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import {
  describeLimits,
  hasLimitOptions,
  type LimitOptions,
  limitsWith,
  withLimitOptions,
} from '../limits.ts';

/** Adds `deskpod limit`. */
export function registerLimit(program: Command): void {
  withLimitOptions(withPodOptions(program.command('limit')), ', or none')
    .description(
      'how much of a host its sessions may use, from the next start on; without limits it shows them',
    )
    .action(async (options: LimitOptions, command: Command) => {
      const { limits: former } = await operateOn(command, 'status', {});
      const limits = limitsWith(former, options);
      if (hasLimitOptions(options)) await operateOn(command, 'limit', { limits });
      const when = hasLimitOptions(options) ? ', from its next start on' : '';
      contextOf(command).output.result({ limits }, `${describeLimits(limits) ?? 'no limits'}${when}`);
    });
}
