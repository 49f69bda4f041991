// deskpod why: what brought a file here, which checkpoints hold it, and where they lie.
import type { Command } from 'commander';
import type { ExplainedVersion, Explanation } from '../../sync/browse/explain-file.ts';
import { contextOf } from '../context.ts';
import { formatCheckpoint, formatFacts, formatRange } from '../listing.ts';
import { printableLine } from '../printable.ts';
import { PATH_HELP, pathArgument, readPod, withSourceOptions } from '../read-pod.ts';
import { formatMoment } from '../units.ts';

/** Adds `deskpod why`. */
export function registerWhy(program: Command): void {
  withSourceOptions(program.command('why'))
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

function describe(answer: Explanation): string {
  const { path, versions, lastForget, verifications } = answer;
  const lines = [printableLine(path), ...versions.flatMap((version) => describeVersion(version, answer))];
  if (lastForget !== undefined) {
    const { policy, atMs, seq } = lastForget;
    lines.push(
      `  checkpoints were last forgotten ${formatMoment(atMs)}, event ${seq}, by the policy ${printableLine(policy)}`,
    );
  }
  for (const { place, depth, atMs, leftCount } of verifications) {
    const where = place === 'device' ? 'the device' : printableLine(place);
    const result = leftCount === 0 ? 'found whole' : `${leftCount} objects damaged or missing`;
    lines.push(`  ${where} was last verified ${formatMoment(atMs)} (${depth}): ${result}`);
  }
  return lines.join('\n');
}

function describeVersion({ entry, origin, holders }: ExplainedVersion, answer: Explanation): string[] {
  const { deviceId, place, lastForget } = answer;
  const where = origin.deviceId === deviceId ? 'this device' : `device ${origin.deviceId.slice(0, 8)}`;
  const last = holders.at(-1)?.number ?? origin.number;
  const homes = origin.homes.filter(({ url }) => url !== place);
  const isKept = lastForget !== undefined && origin.seq < lastForget.seq;
  return [
    `  ${formatFacts(entry)}`,
    `    came with ${formatCheckpoint(origin)}, event ${origin.seq}, on ${where} (epoch ${origin.epoch})`,
    ...origin.arrivals.map(
      ({ atMs, url, epoch, seq }) =>
        `    restored from ${printableLine(url)} (${formatMoment(atMs)}), event ${seq}, epoch ${epoch}`,
    ),
    `    held by ${holders.length === 1 ? 'checkpoint' : 'checkpoints'} ${formatRange(origin.number, last)}`,
    ...(isKept ? ['    kept when checkpoints were last forgotten, see below'] : []),
    `    lies ${place === 'device' ? 'on this device' : `at ${printableLine(place)}, where this was looked up`}`,
    ...homes.map(
      ({ url, seq, atMs }) =>
        `    lies at ${printableLine(url)} since ${formatMoment(atMs)} (position ${seq} acknowledged)`,
    ),
    ...(homes.length === 0 && place === 'device' ? ['    lies at no home yet: run `deskpod sync`'] : []),
  ];
}
