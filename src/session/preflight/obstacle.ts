// One thing that is in the way of a checkpoint, and the sentence that names it to the user.
import { OBSTACLE_KINDS, type ObstacleKind } from './obstacle-kinds.ts';

const DETAIL_MAX_CHARACTERS = 120;

/** A process of a session. Names and titles are its own words: not to be trusted, only to be shown. */
export interface ObstacleProcess {
  /** Its number inside the session. */
  readonly pid: number;
  readonly hostPid: number;
  /** What it calls itself. */
  readonly program: string;
  /** The title of its window, or of its nearest ancestor that has one. */
  readonly window: string | undefined;
}

/** What of a session is in the way. */
export interface Obstacle extends ObstacleProcess {
  readonly kind: ObstacleKind;
  /** True if it is expected to pass by itself: a suspend waits for it. */
  readonly isTransient: boolean;
  /** Which file or object it is. */
  readonly detail: string | undefined;
}

/** The obstacle as a clause: `xterm (process 42, window "notes") holds …`. */
export function describeObstacle(obstacle: Obstacle): string {
  const { detail } = obstacle;
  const detailed = detail === undefined ? '' : ` (${shortened(detail)})`;
  return `${describeProcess(obstacle)} ${OBSTACLE_KINDS[obstacle.kind].text}${detailed}`;
}

/** The process as a subject: `xterm (process 42, window "notes")`. */
export function describeProcess({ program, pid, window }: ObstacleProcess): string {
  const titled = window === undefined ? '' : `, window "${window}"`;
  return `${program} (process ${pid}${titled})`;
}

/** A file's path has up to 4096 bytes; its end tells most. */
function shortened(detail: string): string {
  return detail.length <= DETAIL_MAX_CHARACTERS ? detail : `…${detail.slice(-DETAIL_MAX_CHARACTERS)}`;
}
