// deskpod keys recovery: a new recovery key, and the sheet to keep it on.
import type { Command } from 'commander';
import type { RecoverySheet } from '../../core/recovery-sheet.ts';
import { findPod } from '../../session/operation/target.ts';
import { type RecoveryReport, sheetOf } from '../../sync/pod/change-keys.ts';
import { contextOf, operateOn } from '../context.ts';
import { sheetHtml, sheetSvg, sheetText } from '../recovery-sheet.ts';
import { revocationOf } from '../revocation.ts';
import { reserveSecretFile, type SecretFile } from '../secret-file.ts';

/** The options of a new recovery key. */
export interface RecoveryOptions {
  readonly label?: string;
  readonly replace?: boolean;
  readonly html?: string;
  readonly svg?: string;
}

interface SheetFile {
  readonly file: SecretFile;
  readonly draw: (sheet: RecoverySheet) => string;
}

/** Adds the options of a new recovery key. */
export function withRecoveryOptions(command: Command): Command {
  return command
    .option('--label <name>', 'what to call it')
    .option('--replace', 'with a recovery key: the former recovery keys open the pod no more')
    .option('--html <file>', 'with a recovery key: write its sheet as a page to print, not to the terminal')
    .option('--svg <file>', 'with a recovery key: write its QR code as a drawing');
}

/** Makes a recovery key and prints its sheet. Files for it are made first: the key is shown only once. */
export async function makeRecoveryKey(command: Command, options: RecoveryOptions): Promise<void> {
  await findPod(command.optsWithGlobals<{ device?: string }>().device);
  const credential = await contextOf(command).credential();
  const files: SheetFile[] = [];
  try {
    if (options.html !== undefined)
      files.push({ file: await reserveSecretFile(options.html), draw: sheetHtml });
    if (options.svg !== undefined) files.push({ file: await reserveSecretFile(options.svg), draw: sheetSvg });
    const label = options.label === undefined ? {} : { label: options.label };
    const parameters = { credential, isReplacing: options.replace === true, ...label };
    const report = await operateOn(command, 'key-recovery', parameters, credential);
    await tellRecovery(command, report, files.splice(0), options.html !== undefined);
  } finally {
    for (const { file } of files) await file.discard();
  }
}

async function tellRecovery(
  command: Command,
  report: RecoveryReport,
  files: readonly SheetFile[],
  isOnPaper: boolean,
): Promise<void> {
  const { output } = contextOf(command);
  const sheet = sheetOf(report);
  const written: string[] = [];
  const failures: unknown[] = [];
  for (const { file, draw } of files) {
    try {
      await file.write(draw(sheet));
      written.push(file.path);
    } catch (error) {
      failures.push(error);
    }
  }
  const isShown = !isOnPaper || failures.length > 0;
  const lines = [
    ...(isShown ? [sheetText(sheet, process.stdout.isTTY ? 'dark' : 'light'), ''] : []),
    ...written.map((path) => `The key is in ${path}: print it, then delete the file.`),
    ...report.removed.map(({ id, label }) => `removed  ${id}  ${label}`),
    ...report.warnings,
    ...revocationOf(report),
  ];
  output.result({ ...report, files: written }, lines.join('\n').trimEnd());
  for (const error of failures) output.complain(error);
}
