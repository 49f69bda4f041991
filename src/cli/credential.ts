// What a pod is opened with: the passphrase, or the recovery key as it stands on its sheet.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { DeskPodError } from '../core/errors.ts';
import { normalizeRecoveryKey } from '../core/recovery-key.ts';
import type { Credential } from '../sync/keyring/unlock.ts';
import { type PassphraseOptions, readPassphrase } from './passphrase.ts';

/** The options that say what a pod is opened with. */
export interface CredentialOptions extends PassphraseOptions {
  /** A file with the recovery key; `-` is the terminal, or whatever stdin is. */
  readonly recoveryKeyFile?: string;
}

/**
 * What the user opens the pod with.
 *
 * @throws DeskPodError PASSPHRASE_MISSING, CANCELLED; KEYRING_NO_IDENTITY for a recovery key with a typing error
 */
export async function readCredential(options: CredentialOptions): Promise<Credential> {
  const { recoveryKeyFile } = options;
  if (recoveryKeyFile === undefined) return { passphrase: await readPassphrase('Passphrase', options) };
  return { recoveryKey: normalizeRecoveryKey(await readTyped(recoveryKeyFile)) };
}

async function readTyped(file: string): Promise<string> {
  if (file === '-') return process.stdin.isTTY ? askForKey() : readStdin();
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new DeskPodError('PASSPHRASE_MISSING', `the recovery key file ${file} could not be read`, {
      cause,
      hint: 'Check the path and its permissions, or give - to type the key.',
    });
  }
}

async function readStdin(): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

/** It is shown while it is typed, as nobody types 58 letters blindly, and may take several lines. */
async function askForKey(): Promise<string> {
  process.stderr.write('Recovery key, as it stands on its sheet; an empty line ends it:\n');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  let typed = '';
  try {
    for await (const line of lines) {
      if (line.trim() === '') break;
      typed += `${line}\n`;
    }
  } finally {
    lines.close();
  }
  if (typed === '') throw new DeskPodError('CANCELLED', 'stopped at the recovery key');
  return typed;
}
