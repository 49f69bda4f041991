// Keeping room on a device: when too little is free, checkpoints that a home has go, oldest first, until there is enough.
import { statfs } from 'node:fs/promises';
import { type DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { SpaceFacts } from '../../core/health.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { countOf, formatBytes } from '../../core/quantities.ts';
import { expendableCheckpoints, reserveOf, thinnedTo } from '../../core/reserve.ts';
import { isTwinUrl } from '../home/home-url.ts';
import type { Pod } from '../pod/pod.ts';
import { giveUpCheckpoints, type PruneFigures } from './prune-device.ts';

/** As much waste as a prune leaves that nobody asks for less. */
const MAX_UNUSED = { share: 0.05 };

/** How a reserve is kept. */
export interface KeepOptions {
  readonly onProgress: ProgressListener;
  /** Stops it when something else waits; the next time goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Called before anything goes: what is remembered of the repository may not hold after that. */
  readonly onThinning?: (() => void) | undefined;
}

/** How it stands with the reserve. */
export interface ReserveOutcome {
  /** 0 if none is kept. */
  readonly reserveBytes: number;
  readonly freeBytes: number;
  /** Numbers of the checkpoints that went. */
  readonly forgotten: readonly number[];
  /** True if nothing may go before the older history has come, which is awaited. */
  readonly isAwaitingHistory?: true;
  /** Why it was given up before there was enough, if it failed. */
  readonly failure?: DeskPodError;
}

/** The room on the file system that a pod's repository lies on. */
export async function measureSpace({ folder }: Pick<Pod, 'folder'>): Promise<SpaceFacts> {
  const { bavail, blocks, bsize } = await statfs(folder.repositoryDir);
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
}

/**
 * Sees to it that the device's reserve is free. Nothing goes if all that may go would not make enough room. How much a checkpoint
 * takes with it depends on what others need: twice as many go each time, until there is enough or nothing more may go. That, and
 * its end, are events.
 */
export async function keepReserve(pod: Pod, options: KeepOptions): Promise<ReserveOutcome> {
  const { totalBytes, freeBytes } = await measureSpace(pod);
  const reserveBytes = reserveOf(pod.state, totalBytes);
  if (freeBytes >= reserveBytes) {
    await noteRoom(pod, freeBytes, reserveBytes);
    return { reserveBytes, freeBytes, forgotten: [] };
  }
  if (pod.state.awaited !== undefined) {
    await noteRoom(pod, freeBytes, reserveBytes);
    return { reserveBytes, freeBytes, forgotten: [], isAwaitingHistory: true };
  }
  const former = pod.state.checkpoints;
  let isOver = false;
  let failure: DeskPodError | undefined;
  try {
    isOver = await thin(pod, reserveBytes, options);
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    if (error.code !== 'CANCELLED') failure = error;
  }
  const left = new Set(pod.state.checkpoints.map(({ number }) => number));
  const forgotten = former.map(({ number }) => number).filter((number) => !left.has(number));
  const { freeBytes: leftBytes } = await measureSpace(pod);
  if (leftBytes >= reserveBytes || isOver || failure !== undefined)
    await noteRoom(pod, leftBytes, reserveBytes);
  return { reserveBytes, freeBytes: leftBytes, forgotten, ...(failure === undefined ? {} : { failure }) };
}

/** @returns true if nothing more can be done about it, false if it was stopped */
async function thin(
  pod: Pod,
  reserveBytes: number,
  { onProgress, signal, onThinning }: KeepOptions,
): Promise<boolean> {
  const giveUp = (forgotten: readonly number[], isDryRun: boolean): Promise<PruneFigures> => {
    const policy = `keep ${formatBytes(reserveBytes)} free, as a home has them`;
    return giveUpCheckpoints(pod, { forgotten, policy, maxUnused: MAX_UNUSED, isDryRun }, onProgress, signal);
  };
  const all = expendable(pod);
  if (all.length === 0) return true;
  const { freeBytes } = await measureSpace(pod);
  if (freeBytes + (rememberedGain(pod, all) ?? Number.POSITIVE_INFINITY) < reserveBytes) return true;
  onProgress({ step: 'making room: looking at what can go' });
  const { freedBytes } = await giveUp(all, true);
  gains.set(pod, { all, checkpoints: pod.state.checkpoints.map(({ number }) => number), freedBytes });
  const attainableBytes = freeBytes + freedBytes;
  if (attainableBytes < reserveBytes) return true;
  // the last of it is not worth the last checkpoints
  const slackBytes = thinnedTo(reserveBytes);
  const enoughBytes = attainableBytes < slackBytes ? reserveBytes : slackBytes;
  for (let count = 1; signal?.aborted !== true; count *= 2) {
    const numbers = expendable(pod).slice(0, count);
    if (numbers.length === 0) return true;
    onProgress({ step: 'making room: the oldest checkpoints that a home has go' });
    onThinning?.();
    await giveUp(numbers, false);
    if ((await measureSpace(pod)).freeBytes >= enoughBytes) return true;
  }
  return false;
}

/** What was found of a pod: as long as there is too little room, each checkpoint would look through all packs for it. */
const gains = new WeakMap<Pod, Gain>();

/** What it would free if all that may go went. */
interface Gain {
  readonly all: readonly number[];
  /** Those that there were. */
  readonly checkpoints: readonly number[];
  readonly freedBytes: number;
}

/** At most so much would be freed; undefined if that is not known. Further checkpoints need more, and never free anything. */
function rememberedGain(pod: Pod, all: readonly number[]): number | undefined {
  const gain = gains.get(pod);
  if (gain === undefined || gain.all.join() !== all.join()) return undefined;
  const present = new Set(pod.state.checkpoints.map(({ number }) => number));
  return gain.checkpoints.every((number) => present.has(number)) ? gain.freedBytes : undefined;
}

/** A prune of a device reaches its twins with the next sync: they keep nothing that goes here. */
function expendable({ state }: Pod): number[] {
  return expendableCheckpoints(state, ({ url }) => !isTwinUrl(url));
}

/** Says in the log that there is too little room, or that there is enough again. On a full drive even that may not fit. */
async function noteRoom(pod: Pod, freeBytes: number, reserveBytes: number): Promise<void> {
  const isEnough = freeBytes >= reserveBytes;
  if (isEnough === (pod.state.scheduling.shortage === undefined)) return;
  try {
    await pod.append({ type: 'noteRoom', isEnough, room: { freeBytes, reserveBytes } });
  } catch (error) {
    if (!isDeskPodError(error, 'SPACE_EXHAUSTED')) throw error;
  }
}

/** What a user is told of it, in sentences; nothing if there was room, or none is kept. */
export function reserveSentences({ isAwaitingHistory, ...outcome }: ReserveOutcome): string[] {
  const { reserveBytes, freeBytes, forgotten, failure } = outcome;
  const gone =
    forgotten.length === 0
      ? []
      : [
          `${countOf(forgotten.length, 'checkpoint')} that a home has went from the device to keep ${formatBytes(reserveBytes)} free.`,
        ];
  if (failure !== undefined)
    return [...gone, `No more room could be made on the device: ${failure.message}.`];
  if (freeBytes >= reserveBytes) return gone;
  if (isAwaitingHistory)
    return [
      `Only ${formatBytes(freeBytes)} of the device are free, and ${formatBytes(reserveBytes)} were to stay free: making room waits for the older history, which \`deskpod verify\` fetches.`,
    ];
  return [
    ...gone,
    `Only ${formatBytes(freeBytes)} of the device are free, and ${formatBytes(reserveBytes)} were to stay free: sync it, so that more checkpoints can go, or delete what is not needed.`,
  ];
}
