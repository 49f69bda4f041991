// QR codes: the one place that knows the library.
import { encodeQR } from 'qr';

/** A fifth of the modules of a creased or spotted code may be unreadable at most. */
const CORRECTION = 'medium';
const QUIET_MODULES = 4;
const OTHER_SHADE: Readonly<Record<string, string>> = { '█': ' ', ' ': '█', '▀': '▄', '▄': '▀' };

/**
 * A QR code of half blocks, two modules to a character. Terminals are mostly dark, paper is not: what a reader sees as
 * dark must be dark there.
 */
export function qrText(text: string, background: 'dark' | 'light'): string {
  const onDark = encodeQR(text, 'ascii', { ecc: CORRECTION }).trimEnd();
  if (background === 'dark') return onDark;
  // The last line has half a row of modules; on paper it is blank.
  const rows = onDark.slice(0, onDark.lastIndexOf('\n'));
  return rows.replace(/[█ ▀▄]/g, (block) => OTHER_SHADE[block] ?? block);
}

/** A QR code as a drawing that scales. */
export function qrSvg(text: string): string {
  return encodeQR(text, 'svg', { ecc: CORRECTION, border: QUIET_MODULES });
}
