// The ways by which a picture can come to a canvas, by what they are called in the table.
import type { Encoding } from './canvas-page.ts';
import type { Coding } from './edge/edge.ts';

const ZRLE = 16;
const RAW = 0;
/** The viewer as it is. */
export const OURS = 'deskpod';

/** In the viewer: the display itself encodes. */
export const VIEWER_WAYS: Readonly<Record<string, Encoding | undefined>> = {
  [OURS]: undefined,
  'JPEG 6': { quality: 6 },
  'JPEG 9': { quality: 9 },
  'JPEG 8 as noVNC': { quality: 8, isAsNoVnc: true },
  'JPEG 9 as noVNC': { quality: 9, isAsNoVnc: true },
  ZRLE: { only: ZRLE },
  raw: { only: RAW },
};

/** In a page of an edge's own: the display gives raw pixels, and who stands outside the session encodes. */
export const EDGE_WAYS: Readonly<Record<string, Coding>> = { 'H.264': 'h264', I420: 'i420' };
