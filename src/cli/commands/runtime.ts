// deskpod runtime: what a device carries, so that it can be started on a host that has nothing but Linux.
import type { Command } from 'commander';
import { isAsPut, type RuntimeReport } from '../../session/runtime/device-runtime.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { formatBytes } from '../units.ts';

/** Adds `deskpod runtime check|put|remove`. */
export function registerRuntime(program: Command): void {
  const runtime = program
    .command('runtime')
    .description('what the device carries, to be started on hosts without deskpod');

  withPodOptions(runtime.command('check'))
    .description('is the runtime on the device the one that was put there? Ask on a host that you trust')
    .action(async (_options: unknown, command: Command) => {
      const report = await operateOn(command, 'runtime-check', {});
      contextOf(command).output.result(report, describeRuntime(report));
      if (!isAsPut(report)) throw new ExitStatus(EXIT_STATUS.damaged);
    });

  withPodOptions(runtime.command('put'))
    .description('put the runtime of this host on the device, in the place of any other')
    .action(async (_options: unknown, command: Command) => {
      const report = await operateOn(command, 'runtime-put', {});
      contextOf(command).output.result(report, describeRuntime(report));
    });

  withPodOptions(runtime.command('remove'))
    .description('take the runtime off the device')
    .action(async (_options: unknown, command: Command) => {
      const report = await operateOn(command, 'runtime-remove', {});
      contextOf(command).output.result(report, describeRuntime(report));
    });
}

/** What is to be known of a device's runtime, in sentences. */
export function describeRuntime({ standing, sizeBytes, altered, isThisHosts }: RuntimeReport): string {
  const again =
    '`deskpod runtime put` replaces it by the one of this host; on a twin `deskpod verify -d POD --home TWIN` does.';
  switch (standing) {
    case 'none':
      return 'the device carries no runtime';
    case 'as-put': {
      const version = isThisHosts === false ? `; it is another than this host's: ${again}` : '';
      return `the runtime (${formatBytes(sizeBytes)}) is the one that was put on the device${version}`;
    }
    case 'altered':
      return `THE RUNTIME WAS ALTERED (${altered.join(', ')}): do not start the device by itself. ${again}`;
    case 'missing':
      return `the runtime that was put on the device is not there, or not all of it. ${again}`;
    case 'unlisted':
      return `the device has a runtime that its log does not know (${altered.join(', ')}): do not start the device by itself. ${again}`;
  }
}
