// deskpod home check: every object of every pod at a home against its name, with no pod and no key.
import type { Command } from 'commander';
import { checkHome, type HomePodCheck } from '../../sync/verify/home-check.ts';
import { contextOf } from '../context.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import type { Output } from '../output.ts';
import { printableLine } from '../printable.ts';
import { formatBytes } from '../units.ts';
import { absoluteUrl } from './home.ts';

/** Adds `deskpod home check`, for the computer that is home itself. */
export function registerHomeCheck(home: Command): void {
  home
    .command('check')
    .argument('<folder>', 'the home: a folder of this computer, or any URL of a home')
    .option('--fetch', 'fetch the objects of a home elsewhere and hash them here')
    .description('check every object of every pod at a home against its name; needs no key')
    .action(async (url: string, options: { fetch?: boolean }, command: Command) => {
      await tellHomeCheck(contextOf(command).output, absoluteUrl(url), options.fetch === true);
    });
}

/** Checks a home and prints what was found; ends the program with a status of its own if something is damaged. */
export async function tellHomeCheck(output: Output, url: string, mustFetch: boolean): Promise<void> {
  const pods = await checkHome(url, mustFetch, { onProgress: output.progress });
  const text = pods.map(describe).join('\n');
  output.result({ url, pods }, text === '' ? `${url}: a home, with no pod yet` : text);
  if (pods.some(({ damaged, faults }) => damaged.length + faults.length > 0)) {
    output.note('A device of the pod heals its home: `deskpod verify -d DEVICE --home URL`.');
    throw new ExitStatus(EXIT_STATUS.damaged);
  }
}

function describe({ podId, objectCount, bytes, damaged, faults, isFetched }: HomePodCheck): string {
  const size = `${objectCount} objects, ${formatBytes(bytes)}${isFetched ? ', fetched' : ''}`;
  const wrong = damaged.length + faults.length;
  const verdict = wrong === 0 ? 'all have the bytes of their names' : `${wrong} DAMAGED`;
  const lines = [
    ...damaged.map((place) => `${place}: expected the bytes of its name, got others`),
    ...faults,
  ].map((line) => `  ${printableLine(line)}`);
  return [`${podId}: ${verdict} (${size})`, ...lines].join('\n');
}
