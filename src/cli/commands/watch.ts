// deskpod watch: keep a tree pod open and know what changes in it, so that other commands are quick.
import type { Command } from 'commander';
import { HURRIED_HOOK_MS } from '../../session/hooks/step-hooks.ts';
import { stopWatching, watchTree } from '../../session/operation/watch-tree.ts';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import { contextOf, withPodOptions } from '../context.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { formatDuration } from '../units.ts';
import { describeCheckpoint } from './checkpoint.ts';

/** Adds `deskpod watch`. */
export function registerWatch(program: Command): void {
  withPodOptions(program.command('watch'))
    .argument('[dir]', 'the folder of the tree pod')
    .option('--stop', 'end whoever watches it')
    .description(
      'keep a tree pod open until stopped: other commands ask it, and need neither passphrase nor scan; its schedules are kept',
    )
    .action(async (dir: string | undefined, options: { stop?: true }, command: Command) => {
      const { output } = contextOf(command);
      const path = dir ?? command.optsWithGlobals<{ device?: string }>().device;
      if (options.stop !== true) return watch(command, path);
      await stopWatching(path, output.progress);
      output.result({}, 'nobody watches it any more');
    });
}

async function watch(command: Command, path: string | undefined): Promise<void> {
  const { output, passphrase } = contextOf(command);
  const startedMs = performance.now();
  const checkpoints: CheckpointReport[] = [];
  const say = (step: string): void => output.progress({ step });
  const supervisor = await watchTree({
    path,
    passphrase,
    onProgress: output.progress,
    onNotice: output.remark,
    news: {
      onWatching: (isWatching) =>
        say(
          isWatching
            ? 'watching; stop with Ctrl-C'
            : 'it cannot be watched; every checkpoint looks at all files',
        ),
      onGap: (causes) => say(`the watch has a gap (${causes.join(', ')}); all files are looked at again`),
      onCheckpoint: (report) => {
        checkpoints.push(report);
        say(describeCheckpoint(report));
      },
      onFailure: (what, error) => {
        say(`${what} failed`);
        output.complain(error);
      },
    },
  });
  // who closes the terminal wants it to end as it would otherwise
  process.stderr.on('error', () => undefined);
  let failure: { readonly error: unknown } | undefined;
  let isEnding = false;
  // It stays: execa ends a process at a signal that nobody else listens to any more.
  const end = (signal: NodeJS.Signals): void => {
    // asked twice, it ends at once: nothing needs cleaning up
    if (isEnding) process.exit(EXIT_STATUS.cancelled);
    isEnding = true;
    say('ending');
    supervisor.end(signal === 'SIGTERM' ? { hurriesMs: HURRIED_HOOK_MS } : {}).catch((error: unknown) => {
      failure = { error };
    });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  await supervisor.ended;
  if (failure !== undefined) throw (failure as { readonly error: unknown }).error;
  const durationMs = performance.now() - startedMs;
  output.result(
    { checkpoints: checkpoints.map(({ number }) => number), durationMs },
    `watched for ${formatDuration(durationMs)}, with ${checkpoints.length} checkpoints on schedule`,
  );
}
