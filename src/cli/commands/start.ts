// deskpod start: resume the session of the last checkpoint, or start a fresh one.
import type { Command } from 'commander';
import { operate } from '../../session/operation/operate.ts';
import { startPod } from '../../session/operation/start-pod.ts';
import { openInBrowser } from '../browser.ts';
import { contextOf, withPodOptions } from '../context.ts';
import { parseGeometry } from '../geometry.ts';
import { parseNumber } from '../number.ts';
import { formatDuration } from '../units.ts';

interface StartOptions {
  readonly fresh?: boolean;
  readonly resume?: boolean;
  readonly checkpoint?: number;
  readonly view: boolean;
  readonly geometry: { readonly width: number; readonly height: number };
}

/** Adds `deskpod start`. */
export function registerStart(program: Command): void {
  withPodOptions(program.command('start'))
    .argument('[device]', 'the device or image file')
    .option('--fresh', 'start a new session on the files as they are, even if there is one to resume')
    .option('--resume', 'after a loss: go back to the last checkpoint, files and processes of one instant')
    .option('--checkpoint <number>', 'go back to this checkpoint; the present is sealed first', parseNumber)
    .option('--geometry <size>', 'of a fresh session’s screen', parseGeometry, { width: 1280, height: 800 })
    .option('--no-view', 'do not open the viewer')
    .description('resume the last checkpoint, or start a fresh session (root)')
    .action(async (device: string | undefined, options: StartOptions, command: Command) => {
      const { output, passphrase, credential } = contextOf(command);
      const path = device ?? command.optsWithGlobals<{ device?: string }>().device;
      const report = await startPod({
        devicePath: path,
        choice: options.fresh === true ? 'fresh' : options.resume === true ? 'resume' : 'default',
        geometry: options.geometry,
        ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
        passphrase,
        credential,
        onProgress: output.progress,
      });
      const viewer = options.view
        ? await operate(path, 'view', {}, { passphrase, credential, onProgress: output.progress })
        : undefined;
      if (viewer !== undefined && !output.isMachine) await openInBrowser(viewer.url);
      const what =
        report.resumedCheckpoint === undefined
          ? 'a fresh session'
          : `checkpoint ${report.resumedCheckpoint} goes on`;
      const lines = [
        `${what}; processes after ${formatDuration(report.resumeMs)}, picture after ${formatDuration(report.firstPixelMs)}`,
      ];
      if (viewer !== undefined) lines.push(viewer.url);
      output.result(
        { ...report, ...(viewer === undefined ? {} : { viewerUrl: viewer.url }) },
        [...lines, ...report.warnings].join('\n'),
      );
    });
}
