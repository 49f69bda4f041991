// deskpod start: resume the session of the last checkpoint, or start a fresh one.
import { type Command, Option } from 'commander';
import { type BarrierTier, TIER_NAMES } from '../../core/barrier-tier.ts';
import { DeskPodError } from '../../core/errors.ts';
import { operate } from '../../session/operation/operate.ts';
import { startPod, twinMeaning } from '../../session/operation/start-pod.ts';
import { tellHomes } from '../../session/operation/tell-homes.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { openInBrowser } from '../browser.ts';
import { confirmWithYes } from '../confirm.ts';
import { contextOf, withPodOptions } from '../context.ts';
import { DEFAULT_GEOMETRY, parseGeometry } from '../geometry.ts';
import { parseNumber } from '../number.ts';
import { formatBytes, formatDuration, formatMoment } from '../units.ts';

interface StartOptions {
  readonly fresh?: boolean;
  readonly resume?: boolean;
  readonly checkpoint?: number;
  readonly promote?: boolean;
  readonly requireTier?: BarrierTier;
  readonly view: boolean;
  readonly geometry: { readonly width: number; readonly height: number };
}

/** Adds `deskpod start`. */
export function registerStart(program: Command): void {
  withPodOptions(program.command('start'))
    .argument('[device]', 'the device or image file, or a twin’s folder')
    .option('--fresh', 'start a new session on the files as they are, even if there is one to resume')
    .option('--resume', 'after a loss: go back to the last checkpoint, files and processes of one instant')
    .option('--checkpoint <number>', 'go back to this checkpoint; the present is sealed first', parseNumber)
    .addOption(
      new Option(
        '--require-tier <tier>',
        'refuse, with nothing touched, a host that has less: kmod is the kernel module around the session',
      ).choices(Object.keys(TIER_NAMES)),
    )
    .option('--promote', 'of a twin: the device that it follows is lost; do not ask')
    .option('--geometry <size>', 'of a fresh session’s screen', parseGeometry, DEFAULT_GEOMETRY)
    .option('--no-view', 'do not open the viewer')
    .description('resume the last checkpoint, or start a fresh session (root); a twin becomes the pod first')
    .action(async (device: string | undefined, options: StartOptions, command: Command) => {
      const { output, passphrase, credential: ask } = contextOf(command);
      let given: Promise<Credential> | undefined;
      const credential = (): Promise<Credential> => {
        given ??= ask();
        return given;
      };
      const keys = { passphrase, credential, onProgress: output.progress };
      const path = device ?? command.optsWithGlobals<{ device?: string }>().device;
      const report = await startPod({
        devicePath: path,
        choice: options.fresh === true ? 'fresh' : options.resume === true ? 'resume' : 'default',
        geometry: options.geometry,
        ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
        confirmPromotion,
        isLossKnown: options.promote === true,
        ...(options.requireTier === undefined ? {} : { requiredTier: options.requireTier }),
        passphrase,
        credential,
        onProgress: output.progress,
      });
      if (!('resumeMs' in report)) {
        const warnings = [...report.promotion.warnings, ...(await tellHomes(path, keys))];
        output.result({ ...report, warnings }, [describePromotion(report.promotion), ...warnings].join('\n'));
        return;
      }
      const viewer = options.view
        ? await operate(path, 'view', {}, { passphrase, credential, onProgress: output.progress })
        : undefined;
      if (viewer !== undefined && !output.isMachine) await openInBrowser(viewer.url);
      const { promotion } = report;
      const warnings = [...report.warnings, ...(promotion === undefined ? [] : await tellHomes(path, keys))];
      const what =
        report.resumedCheckpoint === undefined
          ? 'a fresh session'
          : `checkpoint ${report.resumedCheckpoint} goes on`;
      const lines = [
        ...(promotion === undefined ? [] : [describePromotion(promotion)]),
        `${what}; processes after ${formatDuration(report.resumeMs)}, picture after ${formatDuration(report.firstPixelMs)}`,
      ];
      if (viewer !== undefined) lines.push(viewer.url);
      output.result(
        { ...report, warnings, ...(viewer === undefined ? {} : { viewerUrl: viewer.url }) },
        [...lines, ...warnings].join('\n'),
      );
    });
}

/** @throws DeskPodError POD_IS_TWIN if there is no terminal to ask at, CANCELLED */
async function confirmPromotion(place: string, besides: string | undefined): Promise<void> {
  const what = besides === undefined ? twinMeaning(place) : `${twinMeaning(place)} (${besides})`;
  if (await confirmWithYes(`${what}. Start it only if that device is lost.`)) return;
  throw new DeskPodError('POD_IS_TWIN', what, {
    hint: 'If that device is lost, start it with --promote. If it is not, start that one.',
    details: { place },
  });
}

function describePromotion(promotion: NewDevice): string {
  const { podId, epoch, checkpoint, checkpointAtMs, fileCount, fileBytes, durationMs } = promotion;
  return (
    `this twin is pod ${podId} now (epoch ${epoch}), as of checkpoint ${checkpoint} (${formatMoment(checkpointAtMs)}): ` +
    `${fileCount} files, ${formatBytes(fileBytes)} in ${formatDuration(durationMs)}\n` +
    'if the device that it followed turns up, nothing of either is overwritten: homes keep one of them as a branch'
  );
}
