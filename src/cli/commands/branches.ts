// deskpod branches: histories of a pod that homes keep beside the one that they go on with.
import type { Command } from 'commander';
import { isDeskPodError } from '../../core/errors.ts';
import { fromWireError } from '../../session/supervisor/wire.ts';
import { rememberHomePassword } from '../../sync/home/home-password.ts';
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { type BranchReport, listBranches } from '../../sync/pod/branches.ts';
import { choosePod } from '../../sync/pod/rebuild.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { askHomePassword, HOME_PASSWORD_OPTION, type HomePasswordOptions } from '../home-password.ts';
import { describeFailure, type Output } from '../output.ts';
import { bothPlaces } from '../read-pod.ts';
import { absoluteUrl } from './home.ts';

interface BranchesOptions extends HomePasswordOptions {
  readonly from?: string;
  readonly pod?: string;
}

const HELP = `
A device that was replaced by a restore and turns up again, or a copy of a device, has a history of its own. Its sync makes
that a branch, named by the device; what home goes on with stays as it is. ls, cat, find, diff, why, checkpoints and
restore look into a branch with --from HOME --branch NAME; the beginning of a name is enough. If the device of a branch is
the one to go on with, deskpod promote lets its homes do so.`;

/** Adds `deskpod branches`. */
export function registerBranches(program: Command): void {
  withPodOptions(program.command('branches'))
    .option('--from <url>', 'those at this home, without a device and without a key')
    .option('--pod <id>', 'with --from: which pod, if home has more than one')
    .option(...HOME_PASSWORD_OPTION)
    .description('the branches of the pod at its homes: devices that went on beside the one home follows')
    .addHelpText('after', HELP)
    .action(async (options: BranchesOptions, command: Command) => {
      const { output } = contextOf(command);
      if (options.from === undefined) return tellOfHomes(command, output);
      if (command.optsWithGlobals<{ device?: string }>().device !== undefined) throw bothPlaces();
      const url = absoluteUrl(options.from);
      rememberHomePassword(url, await askHomePassword(url, options));
      const home = openRsyncHome(url);
      const podId = await choosePod(home, options.pod);
      const branches = await listBranches(home, podId);
      output.result({ homes: [{ url, branches }] }, describeHomeBranches(url, branches));
    });
}

async function tellOfHomes(command: Command, output: Output): Promise<void> {
  const answer = await operateOn(command, 'branches', {});
  const failures: unknown[] = [];
  const lines: string[] = [];
  const homes = answer.homes.map((home) => {
    if ('branches' in home) {
      lines.push(describeHomeBranches(home.url, home.branches));
      return home;
    }
    const error = fromWireError(home.error);
    // it lies elsewhere most of the time
    if (isDeskPodError(error, 'HOME_AWAY')) lines.push(error.message);
    else failures.push(error);
    return { url: home.url, error: describeFailure(error) };
  });
  output.result({ homes }, homes.length === 0 ? 'no home yet; see deskpod home add' : lines.join('\n'));
  for (const error of failures) output.complain(error);
  if (failures.length > 0) throw new ExitStatus(EXIT_STATUS.partlyDone);
}

function describeHomeBranches(url: string, branches: readonly BranchReport[]): string {
  if (branches.length === 0) return `${url}: no branches`;
  return [`${url}:`, ...branches.map((branch) => `  ${describeBranch(branch)}`)].join('\n');
}

/** One line about a branch. */
export function describeBranch({ deviceId, seq, epoch }: BranchReport): string {
  return `${deviceId}  position ${seq}, epoch ${epoch}`;
}
