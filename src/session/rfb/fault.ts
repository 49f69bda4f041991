// How the RFB client says that the display broke the protocol.

import { DeskPodError } from '../../core/errors.ts';

const HINT = 'close the viewer and open it again; if that does not help, suspend and resume the pod';

/** A DISPLAY_FAILED error; `details` carries what was expected and what came. */
export function displayFault(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): DeskPodError {
  return new DeskPodError('DISPLAY_FAILED', `display: ${message}`, { hint: HINT, details, cause });
}

/** Bytes from the session as text that is safe to put into a message: printable ASCII, at most 200 characters. */
export function quoteBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  return JSON.stringify(text.replaceAll(/[^\x20-\x7e]/g, '.'));
}
