// deskpod sync: bring the homes up to date now.
import type { Command } from 'commander';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { formatBytes, formatDuration } from '../units.ts';
import { absoluteUrl } from './home.ts';

/** Adds `deskpod sync`. */
export function registerSync(program: Command): void {
  withPodOptions(program.command('sync'))
    .argument('[url]', 'one home only')
    .description('copy what the homes lack; each home changes at once, at the end')
    .action(async (url: string | undefined, _options: unknown, command: Command) => {
      const answer = await operateOn(command, 'sync', url === undefined ? {} : { url: absoluteUrl(url) });
      const lines = answer.homes.map((home) => {
        const sent = `${home.sentObjects} objects, ${formatBytes(home.sentBytes)} in ${formatDuration(home.durationMs)}`;
        const wentBack = home.wentBack ? '\n  home had gone back in time; it has everything again' : '';
        return `${home.url}: up to date (${sent})${wentBack}`;
      });
      contextOf(command).output.result(answer, lines.join('\n'));
    });
}
