// deskpod home lease: after how long without a sync a twin goes on without a question.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatAge, parseDuration } from '../units.ts';
import { absoluteUrl } from './home.ts';

const HELP = `
A twin that was not synced to for that long, and a tenth more, is started by \`deskpod start TWIN\` without a question. So that
two copies never run, this device is suspended when the time is over, and does not start until it is synced to the twin. Each
sync begins the time anew. The twin learns of it by its next sync.`;

/** Adds `deskpod home lease`. */
export function registerHomeLease(home: Command): void {
  withPodOptions(home.command('lease'))
    .argument('<twin>', 'as deskpod home list shows it, or where it is plugged in')
    .argument('<time>', 'such as 12h or 7d; “never”: it always asks')
    .description('after how long without a sync a twin goes on when it is started, without a question')
    .addHelpText('after', HELP)
    .action(async (given: string, time: string, _options: unknown, command: Command) => {
      const lease = time === 'never' ? {} : { leaseMs: parseDuration(time) };
      const answer = await operateOn(command, 'home-lease', { url: absoluteUrl(given), ...lease });
      const text =
        answer.leaseMs === undefined
          ? `${answer.url} asks before it is started, from its next sync on; until then this device keeps to what it was told`
          : `${answer.url} goes on without a question if it is not synced to for ${formatAge(answer.leaseMs)}; sync now, so that it knows`;
      contextOf(command).output.result(answer, text);
    });
}
