// deskpod view: the session in a browser.
import type { Command } from 'commander';
import { openInBrowser } from '../browser.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';

/** Adds `deskpod view`. */
export function registerView(program: Command): void {
  withPodOptions(program.command('view'))
    .description('show the running session in a browser; the address works once')
    .option('--window', 'in a window of its own, without tabs and bars, if a browser here can do that')
    .action(async ({ window: asWindow }: { readonly window?: boolean }, command: Command) => {
      const { output } = contextOf(command);
      const answer = await operateOn(command, 'view', {});
      if (!output.isMachine) await openInBrowser(answer.url, { asWindow: asWindow === true });
      output.result(answer, answer.url);
    });
}
