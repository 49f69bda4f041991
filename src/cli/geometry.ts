// The size of a screen, as people write it: 1280x800.
import { DeskPodError } from '../core/errors.ts';

const MIN_PIXELS = 320;
const MAX_PIXELS = 8192;

/** Of a fresh session's screen, unless something else is asked for. */
export const DEFAULT_GEOMETRY = { width: 1280, height: 800 } as const;

/**
 * Width and height in pixels.
 *
 * @throws DeskPodError USAGE for anything but WIDTHxHEIGHT within 320 to 8192 each.
 */
export function parseGeometry(text: string): { width: number; height: number } {
  const [, width, height] = (/^(\d{1,5})x(\d{1,5})$/.exec(text) ?? []).map(Number);
  if (width === undefined || height === undefined || !isSensible(width) || !isSensible(height)) {
    throw new DeskPodError('USAGE', `"${text}" is not the size of a screen`, {
      hint: `Write it as 1280x800; each side has ${MIN_PIXELS} to ${MAX_PIXELS} pixels.`,
    });
  }
  return { width, height };
}

function isSensible(pixels: number): boolean {
  return pixels >= MIN_PIXELS && pixels <= MAX_PIXELS;
}
