// What every command needs: how to print, and how to get at the pod it was pointed at.
import type { Command } from 'commander';
import { operate } from '../session/operation/operate.ts';
import type { OperationName, Operations } from '../session/operation/operations.ts';
import { Output, type OutputOptions } from './output.ts';
import { type PassphraseOptions, readPassphrase } from './passphrase.ts';

/** A command's surroundings. */
export interface Context {
  readonly output: Output;
  /** Asks for the passphrase, when it turns out to be needed. */
  readonly passphrase: () => Promise<string>;
}

/** The context of a command that commander has parsed. */
export function contextOf(command: Command): Context {
  const options = command.optsWithGlobals<OutputOptions & PassphraseOptions>();
  return {
    output: new Output(options),
    passphrase: () => readPassphrase('Passphrase', options),
  };
}

/** Adds the options by which a command finds and opens its pod. */
export function withPodOptions(command: Command): Command {
  return command
    .option(
      '-d, --device <path>',
      'the device, image file or folder of the pod (default: the one in use here)',
    )
    .option('--passphrase-file <file>', 'read the passphrase from a file');
}

/** Runs one operation on the pod that the command was pointed at. */
export function operateOn<Name extends OperationName>(
  command: Command,
  name: Name,
  parameters: Operations[Name]['parameters'],
): Promise<Operations[Name]['answer']> {
  const { output, passphrase } = contextOf(command);
  const { device } = command.optsWithGlobals<{ device?: string }>();
  return operate(device, name, parameters, { passphrase, onProgress: output.progress });
}
