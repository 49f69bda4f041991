// deskpod picture: what the screen of a session showed right before a checkpoint.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { contextOf } from '../context.ts';
import { parseCheckpoint, readPod, withSourceOptions } from '../read-pod.ts';
import { write } from '../result-list.ts';
import { formatBytes } from '../units.ts';

/** Adds `deskpod picture`. */
export function registerPicture(program: Command): void {
  withSourceOptions(program.command('picture'))
    .argument('<checkpoint>', 'a number, or latest')
    .option('-o, --output <file>', 'write it to this file, which only you may read; without it, to stdout')
    .description('what the screen showed right before a checkpoint, as a PNG of at most 640 pixels a side')
    .addHelpText(
      'after',
      '\nWith --json and no file, the PNG is in the object, in base64. A checkpoint of files only has no picture.',
    )
    .action(async (checkpoint: string, { output: file }: { output?: string }, command: Command) => {
      const { output } = contextOf(command);
      if (file === undefined && !output.isMachine && process.stdout.isTTY) throw intoTerminal();
      const request = { number: parseCheckpoint(checkpoint) };
      const picture = await readPod(command, 'picture', request, () => undefined);
      const { pngBase64, ...facts } = picture;
      const png = Buffer.from(pngBase64, 'base64');
      if (file === undefined) {
        if (output.isMachine) output.result(picture, '');
        else await write(png);
        return;
      }
      const path = resolve(file);
      await writeFile(path, png, { mode: 0o600 }).catch((cause: unknown) => {
        throw notWritten(path, cause);
      });
      const { number, width, height } = facts;
      output.result(
        { ...facts, path, sizeBytes: png.length },
        `${path}: the screen of checkpoint ${number}, ${width}x${height} pixels, ${formatBytes(png.length)}`,
      );
    });
}

function intoTerminal(): DeskPodError {
  return new DeskPodError('USAGE', 'a picture is no text for a terminal', {
    hint: 'Name a file with -o FILE, or send it on: deskpod picture latest > screen.png.',
  });
}

function notWritten(path: string, cause: unknown): DeskPodError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DeskPodError('TARGET_WRITE_FAILED', `${path}: the picture could not be written: ${reason}`, {
    hint: 'Name a file in a folder that you may write.',
    details: { path },
    cause,
  });
}
