// A finding: a process, and what of it is in the way. Its window is looked for only once there is one.
import type { ObstacleKind } from './obstacle-kinds.ts';
import type { SessionTask } from './session-tasks.ts';

/** One finding. */
export interface Finding {
  readonly kind: ObstacleKind;
  readonly task: SessionTask;
  readonly detail?: string;
}
