// The number of a checkpoint, as the user types it.
import { DeskPodError } from '../core/errors.ts';

/**
 * A whole number from 1.
 *
 * @throws DeskPodError USAGE for anything else
 */
export function parseNumber(text: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(number) || number < 1)
    throw new DeskPodError('USAGE', `"${text}" is not a checkpoint’s number`);
  return number;
}
