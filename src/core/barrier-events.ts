// What a log says of attempts to cross a barrier. Events are forever: a changed shape gets a new `v`, an old one is never edited.
import type { RefusedOperation } from './kmod-interface.ts';

/** Attempts across the barrier that the kernel module refused: of one kind, in one direction, told together. */
export interface BarrierViolation {
  readonly type: 'barrier.violation';
  readonly v: 1;
  /** `in`: by something of the host, on the session; `out`: by a process of the session. */
  readonly direction: 'in' | 'out';
  readonly operation: RefusedOperation;
  readonly count: number;
  /** How many more, of any kind, were refused meanwhile and not noted one by one. */
  readonly lostCount: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** The first to try it, as that process calls itself. */
  readonly actor: string;
  readonly actorPid: number;
  /** As the host sees it. */
  readonly actorUid: number;
  /** The process that it tried it on, as that calls itself; empty if it was none. */
  readonly target: string;
}

/** The kernel module has seen that it does not see all: something had switched a part of it off. */
export interface BarrierGap {
  readonly type: 'barrier.gap';
  readonly v: 1;
  /** In how many of its looks, one a second. */
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** Any of them. */
export type BarrierEvent = BarrierViolation | BarrierGap;
