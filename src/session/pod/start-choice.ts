// How a session is started, and what became of it.
import type { Geometry } from '../barrier/bundle.ts';

/** How a session is started. */
export interface StartChoice {
  /** `default` resumes what is suspended, and starts fresh otherwise; `resume` goes back to the last checkpoint. */
  readonly choice: 'default' | 'fresh' | 'resume';
  /** Go back to this checkpoint, whatever the pod is at. */
  readonly checkpoint?: number;
  /** Of a fresh session's screen. */
  readonly geometry: Geometry;
}

/** What became of a start. */
export interface StartedSession {
  readonly resumedCheckpoint: number | undefined;
  readonly resumeMs: number;
  readonly warnings: readonly string[];
}
