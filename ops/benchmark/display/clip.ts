// A clip whose frames say their number, and what is to be learnt from those that were seen.
import type { Exec } from '../chroot.ts';
import type { SeenFrame } from './canvas-page.ts';

const FRAMES_PER_SECOND = 24;
const BITS = 12;
const CELL = 40;
const CLIP_FILE = '/home/user/clip.mp4';

/**
 * Makes the clip in a place: moving patterns under grain as that of film, so that neither side is spared by areas of one
 * colour. In two strips of blocks each frame has its number in binary, from the left the lowest first, between a white block
 * and a black one.
 */
export async function makeClip(exec: Exec, seconds: number): Promise<void> {
  const strips = ['0', `ih-${CELL}`].flatMap((y) => [
    `drawbox=x=0:y=${y}:w=iw:h=${CELL}:color=black:t=fill`,
    `drawbox=x=0:y=${y}:w=${CELL}:h=${CELL}:color=white:t=fill`,
    ...Array.from(
      { length: BITS },
      (_, bit) =>
        `drawbox=x=${(bit + 1) * CELL}:y=${y}:w=${CELL}:h=${CELL}:color=white:t=fill` +
        `:enable='gte(mod(n\\,${2 ** (bit + 1)})\\,${2 ** bit})'`,
    ),
  ]);
  const source = `testsrc2=size=1280x720:rate=${FRAMES_PER_SECOND}:duration=${seconds}`;
  const filters = ['noise=all_seed=1:alls=6:allf=t', ...strips, 'format=yuv420p'].join(',');
  const coder = ['-c:v', 'libx264', '-preset', 'superfast', '-crf', '27', '-g', '48'];
  const quiet = ['-hide_banner', '-loglevel', 'error', '-y'];
  await exec('ffmpeg', ...quiet, '-f', 'lavfi', '-i', source, '-vf', filters, ...coder, CLIP_FILE);
}

/** Plays the clip over the whole display, by the output that a pod's profile chooses; resolves when it has ended. */
export async function playClip(exec: Exec): Promise<void> {
  const quiet = ['--no-terminal', '--no-osc', '--no-input-default-bindings', '--no-audio'];
  await exec('mpv', '--fs', '--vo=x11', ...quiet, CLIP_FILE);
}

/** What was seen of a clip. */
export interface Showing {
  readonly framesPerSecond: number;
  /** Frames that came after a later one. */
  readonly disorderCount: number;
  /** Pictures made of two frames. */
  readonly tornCount: number;
  /** Frames between the first and the last one that were not shown at all. */
  readonly lostCount: number;
  /** From the first frame seen to the last one. */
  readonly seconds: number;
  /** Milliseconds by the page's clock between which nothing new came for the longest time. */
  readonly longestStill: { readonly fromMs: number; readonly toMs: number };
}

/** Of frames in the order in which they were drawn. */
export function judge(frames: readonly SeenFrame[]): Showing {
  const whole = frames.filter(({ top, bottom }) => top === bottom);
  const [first, last] = [whole[0], whole.at(-1)];
  if (first === undefined || last === undefined || first === last)
    throw new Error('no frame of the clip was seen');
  const seconds = (last.atMs - first.atMs) / 1000;
  let longestStill = { fromMs: first.atMs, toMs: first.atMs };
  let disorderCount = 0;
  for (const [i, frame] of whole.entries()) {
    const former = whole[i - 1];
    if (former === undefined) continue;
    if (frame.top < former.top) disorderCount += 1;
    if (frame.atMs - former.atMs > longestStill.toMs - longestStill.fromMs)
      longestStill = { fromMs: former.atMs, toMs: frame.atMs };
  }
  const shownCount = new Set(whole.map(({ top }) => top)).size;
  return {
    framesPerSecond: (shownCount - 1) / seconds,
    disorderCount,
    lostCount: last.top - first.top + 1 - shownCount,
    tornCount: frames.length - whole.length,
    seconds,
    longestStill,
  };
}

/** How many frames came in a span of the page's clock. */
export function framesBetween(frames: readonly SeenFrame[], fromMs: number, toMs: number): number {
  return new Set(frames.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ top }) => top)).size;
}
