// deskpod keys: what opens the pod, and how that is changed.
import type { Command } from 'commander';
import { isDeskPodError } from '../../core/errors.ts';
import { weaknessOf } from '../../core/passphrase-strength.ts';
import { findPod } from '../../session/operation/target.ts';
import type { KeyChangeReport, KeyReport } from '../../sync/pod/change-keys.ts';
import { confirmWithYes } from '../confirm.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { readNewPassphrase } from '../passphrase.ts';
import { revocationOf } from '../revocation.ts';
import { formatMoment } from '../units.ts';
import { addPasskey } from './keys-passkey.ts';
import { makeRecoveryKey, type RecoveryOptions, withRecoveryOptions } from './keys-recovery.ts';

interface ChangeOptions {
  readonly label?: string;
  readonly newPassphraseFile?: string;
}

/** Adds `deskpod keys list|add|change|remove|recovery`. */
export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('what opens the pod');

  withPodOptions(keys.command('list'))
    .description('the slots of the keyring: each passphrase, recovery key and passkey has one')
    .action(async (_options: unknown, command: Command) => {
      const answer = await operateOn(command, 'key-list', {});
      contextOf(command).output.result(answer, answer.slots.map(describeSlot).join('\n'));
    });

  withPodOptions(withRecoveryOptions(keys.command('add')))
    .option('--recovery', 'a recovery key instead of a passphrase: as deskpod keys recovery')
    .option('--passkey', 'a passkey instead, such as a fingerprint: a page in a browser makes it')
    .option('--new-passphrase-file <file>', 'read the new passphrase from a file')
    .description('one more passphrase, recovery key or passkey that opens the pod')
    .action(addKey);

  withPodOptions(keys.command('change'))
    .argument('[slot]', 'which one, by its id or label (default: the one that you open the pod with)')
    .option('--label <name>', 'call it something else')
    .option('--new-passphrase-file <file>', 'read the new passphrase from a file')
    .description('a new passphrase in the place of one; with --recovery-key-file if it was forgotten')
    .action(changePassphrase);

  withPodOptions(keys.command('remove'))
    .argument('<slot>', 'its id or label, as deskpod keys list shows it')
    .option('--yes', 'also the last passphrase, if the recovery key is at hand: do not ask')
    .description('take a passphrase, recovery key or passkey away; the last that is no passkey stays')
    .action(removeKey);

  withPodOptions(withRecoveryOptions(keys.command('recovery')))
    .description('make a recovery key and print its sheet: text and a QR code, shown once')
    .action((options: RecoveryOptions, command: Command) => makeRecoveryKey(command, options));
}

async function addKey(
  options: ChangeOptions & RecoveryOptions & { readonly recovery?: boolean; readonly passkey?: boolean },
  command: Command,
): Promise<void> {
  if (options.recovery === true) return makeRecoveryKey(command, options);
  if (options.passkey !== true) return addPassphrase(command, options);
  const report = await addPasskey(command, options.label);
  tellChange(command, report, { done: 'This passkey opens the pod now, at the page of deskpod view.' });
}

async function addPassphrase(command: Command, options: ChangeOptions): Promise<void> {
  const { credential, passphrase, label } = await askForBoth(command, options);
  const report = await operateOn(command, 'key-add', { credential, passphrase, ...label }, credential);
  tellChange(command, report, { passphrase, done: 'This passphrase opens the pod now, besides the others.' });
}

async function changePassphrase(
  slot: string | undefined,
  options: ChangeOptions,
  command: Command,
): Promise<void> {
  const { credential, passphrase, label } = await askForBoth(command, options);
  const which = slot === undefined ? {} : { slot };
  const parameters = { credential, passphrase, ...label, ...which };
  const report = await operateOn(command, 'key-change', parameters, credential);
  tellChange(command, report, {
    passphrase,
    done: 'The new passphrase opens the pod now, the former one does not.',
  });
}

async function removeKey(slot: string, options: { readonly yes?: boolean }, command: Command): Promise<void> {
  await findPod(command.optsWithGlobals<{ device?: string }>().device);
  const credential = await contextOf(command).credential();
  const remove = (isConfirmed: boolean): Promise<KeyChangeReport> =>
    operateOn(command, 'key-remove', { credential, slot, isConfirmed }, credential);
  const report = await remove(options.yes === true).catch(async (error: unknown) => {
    const canConfirm = isDeskPodError(error, 'KEY_NEEDED') && error.details.canConfirm === true;
    if (canConfirm && (await confirmWithYes(`${error.message}. If none is at hand, the pod is lost.`)))
      return remove(true);
    throw error;
  });
  tellChange(command, report, { done: 'It opens the pod no more.' });
}

/** What opens the pod is asked for before what is to open it. */
async function askForBoth(command: Command, options: ChangeOptions) {
  await findPod(command.optsWithGlobals<{ device?: string }>().device);
  const credential = await contextOf(command).credential();
  const passphrase = await readNewPassphrase(options.newPassphraseFile);
  return { credential, passphrase, label: options.label === undefined ? {} : { label: options.label } };
}

function tellChange(
  command: Command,
  report: KeyChangeReport,
  { done, passphrase }: { readonly done: string; readonly passphrase?: string },
): void {
  const weakness = passphrase === undefined ? undefined : weaknessOf(passphrase);
  const warnings = [
    ...(weakness === undefined
      ? []
      : [`The new passphrase is weak: ${weakness}. Whoever has the drive can guess as long as he likes.`]),
    ...warningsOf(report),
    ...report.warnings,
  ];
  const lines = [
    ...report.removed.map((slot) => `removed  ${describeSlot(slot)}`),
    ...report.added.map((slot) => `added    ${describeSlot(slot)}`),
    done,
    ...warnings,
    ...revocationOf(report),
  ];
  contextOf(command).output.result({ ...report, warnings }, lines.join('\n'));
}

function warningsOf({ slots }: KeyChangeReport): string[] {
  if (slots.some(({ kind }) => kind === 'recovery')) return [];
  return [
    'No recovery key is left: a forgotten passphrase loses the pod. Make one with deskpod keys recovery.',
  ];
}

function describeSlot({ id, kind, label, createdAtMs }: KeyReport): string {
  return `${id}  ${kind.padEnd(10)}  ${label}  since ${formatMoment(createdAtMs)}`;
}
