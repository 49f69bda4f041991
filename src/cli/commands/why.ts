// deskpod why: what brought a file here, which checkpoints hold it, and where they lie.
import type { Command } from 'commander';
import type { ExplainedVersion, Explanation } from '../../sync/browse/explain-file.ts';
import { contextOf, withPodOptions } from '../context.ts';
import { formatCheckpoint, formatFacts, formatRange } from '../listing.ts';
import { printableLine } from '../printable.ts';
import { PATH_HELP, pathArgument, readPod } from '../read-pod.ts';
import { formatMoment } from '../units.ts';

/** Adds `deskpod why`. */
export function registerWhy(program: Command): void {
  withPodOptions(program.command('why'))
    .argument('<path>', 'the file, or anything else with a path')
    .option('--base64', 'the path is given in base64')
    .description('what brought a file here, which checkpoints hold it, and where they lie')
    .addHelpText('after', PATH_HELP)
    .action(async (path: string, options: { base64?: boolean }, command: Command) => {
      const request = { at: pathArgument(path, options.base64) };
      const answer = await readPod(command, 'why', request, () => undefined);
      contextOf(command).output.result(answer, describe(answer));
    });
}

function describe({ path, deviceId, versions }: Explanation): string {
  return [printableLine(path), ...versions.flatMap((version) => describeVersion(version, deviceId))].join(
    '\n',
  );
}

function describeVersion({ entry, origin, holders }: ExplainedVersion, deviceId: string): string[] {
  const where = origin.deviceId === deviceId ? 'this device' : `device ${origin.deviceId.slice(0, 8)}`;
  const last = holders.at(-1)?.number ?? origin.number;
  const lines = [
    `  ${formatFacts(entry)}`,
    `    came with ${formatCheckpoint(origin)}, event ${origin.seq}, on ${where} (epoch ${origin.epoch})`,
    ...origin.arrivals.map(
      ({ atMs, url, epoch, seq }) =>
        `    restored from ${url} (${formatMoment(atMs)}), event ${seq}, epoch ${epoch}`,
    ),
    `    held by ${holders.length === 1 ? 'checkpoint' : 'checkpoints'} ${formatRange(origin.number, last)}`,
    '    lies on this device',
    ...origin.homes.map(
      ({ url, seq, atMs }) => `    lies at ${url} since ${formatMoment(atMs)} (position ${seq} acknowledged)`,
    ),
  ];
  return origin.homes.length === 0 ? [...lines, '    lies at no home yet: run `deskpod sync`'] : lines;
}
