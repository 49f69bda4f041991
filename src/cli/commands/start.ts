// deskpod start: resume the session of the last checkpoint, or start a fresh one.
import type { Command } from 'commander';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { operate } from '../../session/operation/operate.ts';
import { startPod } from '../../session/operation/start-pod.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { openInBrowser } from '../browser.ts';
import { confirmWithYes } from '../confirm.ts';
import { type Context, contextOf, withPodOptions } from '../context.ts';
import { parseGeometry } from '../geometry.ts';
import { parseNumber } from '../number.ts';
import { formatBytes, formatDuration, formatMoment } from '../units.ts';

interface StartOptions {
  readonly fresh?: boolean;
  readonly resume?: boolean;
  readonly checkpoint?: number;
  readonly promote?: boolean;
  readonly view: boolean;
  readonly geometry: { readonly width: number; readonly height: number };
}

const LATER = 'Run deskpod sync later: until then it goes on with the lost device when that syncs.';

/** Adds `deskpod start`. */
export function registerStart(program: Command): void {
  withPodOptions(program.command('start'))
    .argument('[device]', 'the device or image file, or a twin’s folder')
    .option('--fresh', 'start a new session on the files as they are, even if there is one to resume')
    .option('--resume', 'after a loss: go back to the last checkpoint, files and processes of one instant')
    .option('--checkpoint <number>', 'go back to this checkpoint; the present is sealed first', parseNumber)
    .option('--promote', 'of a twin: the device that it follows is lost; do not ask')
    .option('--geometry <size>', 'of a fresh session’s screen', parseGeometry, { width: 1280, height: 800 })
    .option('--no-view', 'do not open the viewer')
    .description('resume the last checkpoint, or start a fresh session (root); a twin becomes the pod first')
    .action(async (device: string | undefined, options: StartOptions, command: Command) => {
      const { output, passphrase, credential: ask } = contextOf(command);
      let given: Promise<Credential> | undefined;
      const credential = (): Promise<Credential> => {
        given ??= ask();
        return given;
      };
      const context = { output, passphrase, credential };
      const path = device ?? command.optsWithGlobals<{ device?: string }>().device;
      const report = await startPod({
        devicePath: path,
        choice: options.fresh === true ? 'fresh' : options.resume === true ? 'resume' : 'default',
        geometry: options.geometry,
        ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
        confirmPromotion: (place) => confirmPromotion(place, options),
        passphrase,
        credential,
        onProgress: output.progress,
      });
      if (!('resumeMs' in report)) {
        const warnings = [...report.promotion.warnings, ...(await tellHomes(path, context))];
        output.result({ ...report, warnings }, [describePromotion(report.promotion), ...warnings].join('\n'));
        return;
      }
      const viewer = options.view
        ? await operate(path, 'view', {}, { passphrase, credential, onProgress: output.progress })
        : undefined;
      if (viewer !== undefined && !output.isMachine) await openInBrowser(viewer.url);
      const { promotion } = report;
      const warnings = [
        ...report.warnings,
        ...(promotion === undefined ? [] : await tellHomes(path, context)),
      ];
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
async function confirmPromotion(place: string, { promote }: StartOptions): Promise<void> {
  if (promote === true) return;
  const what =
    `${place} is a twin: started, it becomes the pod, and what the device that it follows does from then on is a branch ` +
    'at their homes';
  if (await confirmWithYes(`${what}. Start it only if that device is lost.`)) return;
  throw new DeskPodError('POD_IS_TWIN', what, {
    hint: 'If that device is lost, start it with --promote. If it is not, start that one.',
    details: { place },
  });
}

/**
 * The homes of a twin that became the pod are told at once: from then on the device that was lost is a branch there. A twin
 * that is away is told by the sync that finds it.
 *
 * @returns which could not be told, and why; and which go on with what they have, as it is more than the twin had; in
 * sentences
 */
async function tellHomes(path: string | undefined, { output, ...keys }: Context): Promise<string[]> {
  output.progress({ step: 'telling the homes that this device is the pod now' });
  try {
    const { homes } = await operate(path, 'sync', {}, { ...keys, onProgress: output.progress });
    return homes.flatMap((home) => {
      if (!('error' in home)) return home.notices;
      const { code, message, hint } = home.error;
      if (code === 'HOME_AWAY') return [];
      const isTaken = code === 'HOME_FOREIGN' || code === 'HOME_FENCED';
      return [`${message}. ${isTaken ? (hint ?? '') : LATER}`];
    });
  } catch (error) {
    if (isDeskPodError(error, 'HOME_UNKNOWN')) return [];
    if (!isDeskPodError(error)) throw error;
    return [
      `The homes could not be told that this device is the pod now: ${error.message}. Run deskpod sync later.`,
    ];
  }
}

function describePromotion(promotion: NewDevice): string {
  const { podId, epoch, checkpoint, checkpointAtMs, fileCount, fileBytes, durationMs } = promotion;
  return (
    `this twin is pod ${podId} now (epoch ${epoch}), as of checkpoint ${checkpoint} (${formatMoment(checkpointAtMs)}): ` +
    `${fileCount} files, ${formatBytes(fileBytes)} in ${formatDuration(durationMs)}\n` +
    'if the device that it followed turns up, nothing of either is overwritten: homes keep one of them as a branch'
  );
}
