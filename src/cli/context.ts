// What every command needs: how to print, and how to get at the pod it was pointed at.
import type { Command } from 'commander';
import { operate } from '../session/operation/operate.ts';
import type { OperationName, Operations } from '../session/operation/operations.ts';
import type { Credential } from '../sync/keyring/unlock.ts';
import { type CredentialOptions, readCredential } from './credential.ts';
import { Output, type OutputOptions } from './output.ts';
import { readPassphrase } from './passphrase.ts';

/** A command's surroundings. */
export interface Context {
  readonly output: Output;
  /** Asks for the passphrase, when it turns out to be needed. */
  readonly passphrase: () => Promise<string>;
  /** Asks for what opens the pod: the passphrase, or the recovery key if the command line says so. */
  readonly credential: () => Promise<Credential>;
}

const contexts = new WeakMap<Command, Context>();

/** The context of a command that commander has parsed: always the same, since its output knows if a line is open. */
export function contextOf(command: Command): Context {
  const known = contexts.get(command);
  if (known !== undefined) return known;
  const options = command.optsWithGlobals<OutputOptions & CredentialOptions>();
  const context: Context = {
    output: new Output(options),
    passphrase: () => readPassphrase('Passphrase', options),
    credential: () => readCredential(options),
  };
  contexts.set(command, context);
  return context;
}

/** Adds the options by which a command finds and opens its pod. */
export function withPodOptions(command: Command): Command {
  return command
    .option(
      '-d, --device <path>',
      'the device, image file or folder of the pod (default: the one in use here)',
    )
    .option('--passphrase-file <file>', 'read the passphrase from a file')
    .option('--recovery-key-file <file>', 'open the pod with its recovery key; - asks for it');
}

/** Runs one operation on the pod that the command was pointed at; `given` opens it if it was asked for already. */
export function operateOn<Name extends OperationName>(
  command: Command,
  name: Name,
  parameters: Operations[Name]['parameters'],
  given?: Credential,
): Promise<Operations[Name]['answer']> {
  const { output, passphrase, credential } = contextOf(command);
  const { device } = command.optsWithGlobals<{ device?: string }>();
  return operate(device, name, parameters, {
    passphrase,
    credential: given === undefined ? credential : async () => given,
    onProgress: output.progress,
    onNotice: output.remark,
  });
}
