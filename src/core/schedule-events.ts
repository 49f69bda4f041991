// What a log says of checkpoints that are made by themselves. Events are forever: a changed shape gets a new `v`, an old one is never edited.
import type { Schedule } from './schedule.ts';

/** The pod makes checkpoints by itself from now on, while its session runs or its folder is watched. */
export interface ScheduleSet extends Schedule {
  readonly type: 'schedule.set';
  readonly v: 1;
  /** Counts from 1 over the whole life of the pod. */
  readonly number: number;
}

/** A schedule is kept no more. */
export interface ScheduleRemoved {
  readonly type: 'schedule.removed';
  readonly v: 1;
  readonly number: number;
}

/** So much of the device is to stay free; checkpoints that a home has go for it. */
export interface ReserveSet {
  readonly type: 'reserve.set';
  readonly v: 1;
  /** 0 for none; absent for as much as is usual for the device. */
  readonly reserveBytes?: number;
}

/** The reserve of the device is not free, and nothing more can go for it. */
export interface ReserveShort {
  readonly type: 'reserve.short';
  readonly v: 1;
  readonly freeBytes: number;
  readonly reserveBytes: number;
}

/** The reserve of the device is free again. */
export interface ReserveKept {
  readonly type: 'reserve.kept';
  readonly v: 1;
  readonly freeBytes: number;
  readonly reserveBytes: number;
}

/** An event that is about schedules, or the room for them. */
export type ScheduleEvent = ScheduleSet | ScheduleRemoved | ReserveSet | ReserveShort | ReserveKept;
