// deskpod exec: a command inside the session, as its user, behind the barrier.
import type { Command } from 'commander';
import { execInPod } from '../../session/operation/exec-in-pod.ts';
import { withPodOptions } from '../context.ts';
import { ExitStatus } from '../exit-status.ts';

/** Adds `deskpod exec`. */
export function registerExec(program: Command): void {
  withPodOptions(program.command('exec'))
    .argument('<command...>', 'the command and its arguments, after --')
    .description('run a command in the session; its exit status becomes that of deskpod')
    .action(async (argv: string[], _options: unknown, command: Command) => {
      const { device } = command.optsWithGlobals<{ device?: string }>();
      const status = await execInPod(device, argv, {
        stdin: process.stdin,
        stdout: process.stdout,
        stderr: process.stderr,
      });
      throw new ExitStatus(status);
    });
}
