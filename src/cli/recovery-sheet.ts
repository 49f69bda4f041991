// The sheet of paper with a recovery key: what it opens, the key to type and to scan, and what to do with it.
import { RECOVERY_KEY_PREFIX, recoveryKeyGroups } from '../core/recovery-key.ts';
import { type RecoverySheet, sheetCode } from '../core/recovery-sheet.ts';
import { qrSvg, qrText } from './qr-code.ts';
import { formatMoment } from './units.ts';

const TYPING =
  'Spaces, line breaks and lower case do not matter when it is typed; its last six letters find typing errors.';
const USE =
  'When the passphrase is forgotten, deskpod keys change --recovery-key-file - asks for this key; when the device is ' +
  'lost, deskpod restore asks for this sheet, on any computer that reaches a home of the pod.';
const BLANK = '_'.repeat(40);
const CARE =
  'Keep this sheet away from the device, for whoever has both reads everything; if a stranger has seen it, run ' +
  'deskpod keys recovery --replace.';

/** The sheet for a terminal, or for a printer that takes text. */
export function sheetText(sheet: RecoverySheet, background: 'dark' | 'light'): string {
  const rows = sheetFacts(sheet).map(([name, value]) => `${name.padEnd(6)} ${value}`);
  const key = [RECOVERY_KEY_PREFIX, ...recoveryKeyGroups(sheet.recoveryKey).map((line) => line.join(' '))];
  return [
    'DeskPod recovery key',
    ...rows,
    '',
    qrText(sheetCode(sheet), background),
    '',
    ...key.map((line) => `    ${line}`),
    '',
    TYPING,
    '',
    USE,
    CARE,
  ].join('\n');
}

/** The sheet as a page without anything from elsewhere, for a printer. */
export function sheetHtml(sheet: RecoverySheet): string {
  const rows = sheetFacts(sheet).map(
    ([name, value]) => `<tr><th>${name}</th><td>${escaped(value)}</td></tr>`,
  );
  const key = [RECOVERY_KEY_PREFIX, ...recoveryKeyGroups(sheet.recoveryKey).map((line) => line.join(' '))];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>DeskPod recovery key</title>
<style>
  body { font: 12pt/1.4 sans-serif; margin: 2cm auto; max-width: 16cm; color: #000; background: #fff }
  th { text-align: left; font-weight: normal; padding-right: 1em }
  td, pre { font-family: monospace; overflow-wrap: anywhere }
  pre { font-size: 15pt; line-height: 1.6 }
  svg { width: 6cm; height: 6cm }
</style>
<h1>DeskPod recovery key</h1>
<table>
${rows.join('\n')}
</table>
${sheetSvg(sheet)}
<pre>${key.join('\n')}</pre>
<p>${TYPING}</p>
<p>${USE} ${CARE}</p>
</html>
`;
}

/** The QR code alone. */
export function sheetSvg(sheet: RecoverySheet): string {
  return qrSvg(sheetCode(sheet));
}

/** The rows of a sheet above its key: what each is called, and what it says. */
export function sheetFacts({ podName, podId, label, createdAtMs, homes }: RecoverySheet): [string, string][] {
  return [
    ['pod', podName],
    ['id', podId],
    ['slot', label],
    ['made', formatMoment(createdAtMs)],
    // to be filled in by hand where there is none yet
    ...(homes.length === 0 ? [BLANK] : homes).map((url): [string, string] => ['home', url]),
  ];
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
