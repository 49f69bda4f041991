// deskpod dashboard: the pods and homes of this computer in a browser, until it is stopped.
import type { Command } from 'commander';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { openInBrowser } from '../browser.ts';
import { contextOf } from '../context.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { absoluteUrl } from './home.ts';

interface DashboardOptions {
  readonly home: readonly string[];
  readonly port: number;
  readonly browser: boolean;
}

const PORT_MAX = 65_535;
const HELP = `
It finds pods that are in use or watched here, drives that are plugged in, and what is named. A locked pod is
unlocked in the page: its passphrase stays in the memory of this program for ten minutes after it was last used.
`;

/** Adds `deskpod dashboard`. */
export function registerDashboard(program: Command): void {
  program
    .command('dashboard')
    .argument('[place...]', 'devices, image files and folders of pods, besides those that are found')
    .option(
      '--home <url>',
      'a home to look at, besides those that pods name; can be given again',
      addHome,
      [],
    )
    .option('--port <number>', 'on 127.0.0.1; a free one by default', parsePort, 0)
    .option('--no-browser', 'only print the address')
    .description('pods, homes and checkpoints of this computer in a browser, until it is stopped')
    .addHelpText('after', HELP)
    .action(async (places: readonly string[], options: DashboardOptions, command: Command) => {
      const { output } = contextOf(command);
      const { serveDashboard } = await import('../../session/dashboard/server.ts');
      const told = new Set<string>();
      const wizards = new Wizards(output);
      const dashboard = await serveDashboard({
        paths: places,
        homes: options.home,
        port: options.port,
        onFault: (path, error) => {
          // it is looked at every few seconds, and told once
          if (told.has(path)) return;
          told.add(path);
          output.complain(error);
        },
        openWizard: () => wizards.open(),
      });
      const stopped = untilStopped();
      const { url, port } = dashboard;
      output.result({ url, port }, url);
      output.note('The address works once. Stop with Ctrl-C.');
      if (options.browser && !output.isMachine) await openInBrowser(url);
      await stopped;
      await dashboard.close();
      await wizards.end();
    });
}

/** The restore wizards that its page has asked for. Each has a page of its own, and ends when that is closed. */
class Wizards {
  readonly #output: Output;
  readonly #stops = new Map<Promise<void>, () => void>();

  constructor(output: Output) {
    this.#output = output;
  }

  /** @returns an address that works once */
  async open(): Promise<string> {
    const { serveWizard } = await import('./restore-page.ts');
    const asUsual = { showsAllDevices: false, carriesRuntime: true, isUsableFirst: true };
    const { url, ended, stop } = await serveWizard(asUsual);
    const told = ended.then(
      ({ podId, target }) => this.#output.note(`pod ${podId} is on ${target}`),
      (error: unknown) => {
        // its page was closed, or has said so
        if (!isDeskPodError(error, 'CANCELLED')) this.#output.complain(error);
      },
    );
    this.#stops.set(told, stop);
    void told.then(() => this.#stops.delete(told));
    return url;
  }

  /** What had come by then stays, and the same restore goes on with it. */
  async end(): Promise<void> {
    for (const stop of this.#stops.values()) stop();
    await Promise.all(this.#stops.keys());
  }
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    // It stays: execa ends a process at a signal that nobody else listens to any more.
    const stop = (): void => {
      // asked twice, it ends at once: nothing needs cleaning up
      if (isStopping) process.exit(EXIT_STATUS.cancelled);
      isStopping = true;
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
}

function addHome(url: string, former: readonly string[]): readonly string[] {
  return [...former, absoluteUrl(url)];
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : PORT_MAX + 1;
  if (port <= PORT_MAX) return port;
  throw new DeskPodError('USAGE', `"${text}" is no port`, {
    hint: `Ports go up to ${PORT_MAX}; 0 takes a free one.`,
  });
}
