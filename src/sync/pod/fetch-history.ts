// The rest of a pod that was restored for use first: packs of older checkpoints, some at a time, beside whatever is done.
import { type ErrorCode, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { Home } from '../home/home.ts';
import { type HealFailure, healDevice } from '../verify/heal-device.ts';
import { packsNotHere } from './awaited-packs.ts';
import type { Pod } from './pod.ts';

/** So many come before others get their turn. */
const PACKS_AT_ONCE = 16;

/** How far it has come. */
export interface HistoryProgress {
  /** Packs in force that are not here. */
  readonly missingCount: number;
  /** How many came now. */
  readonly fetchedCount: number;
  /** True if none of the missing ones can be had now: each was asked for in vain, or no home could be asked. */
  readonly isExhausted: boolean;
}

/** How it is fetched. */
export interface HistoryOptions {
  readonly onProgress: ProgressListener;
  readonly signal: AbortSignal;
  /** Names that no home had whole in this run, which are added to it: others get their turn. */
  readonly passedOver: Set<string>;
}

/** What is wrong with a home that could not be asked: it may have what is missing. HOME_NOT_FOUND is also said of objects. */
const NOT_ASKED: readonly ErrorCode[] = ['HOME_UNREACHABLE', 'HOME_AWAY'];

/**
 * Fetches some of the packs that are in force and not here, from the first home that has them whole. Each gets its place at
 * once and durably, and nothing of a home that fails counts against the others.
 *
 * @throws DeskPodError SPACE_EXHAUSTED
 */
export async function fetchSomeHistory(
  pod: Pod,
  openHome: (url: string) => Home,
  { onProgress, signal, passedOver }: HistoryOptions,
): Promise<HistoryProgress> {
  const { repository, state } = pod;
  const missing = [...(await packsNotHere(pod)).keys()];
  if (missing.length === 0) return { missingCount: 0, fetchedCount: 0, isExhausted: false };
  const left = missing.filter((name) => !passedOver.has(name));
  if (left.length === 0) return { missingCount: missing.length, fetchedCount: 0, isExhausted: true };
  onProgress({ step: `fetching the older history, ${missing.length} packs left` });
  const homes = state.homes.map(({ url }) => openHome(url));
  const source = {
    repository,
    podId: state.podId,
    homes,
    onProgress,
    signal,
    onHealed: async () => undefined,
  };
  const wanted = left.slice(-PACKS_AT_ONCE).toReversed();
  const { healed, failures } = await healDevice(
    source,
    wanted.map((name) => ({ kind: 'packs', name })),
  );
  const progress = { missingCount: missing.length - healed.length, fetchedCount: healed.length };
  if (signal.aborted) return { ...progress, isExhausted: false };
  if (healed.length === 0 && failures.filter(isOfWholeHome).length === homes.length)
    return { ...progress, isExhausted: true };
  const came = new Set(healed.map(({ name }) => name));
  for (const name of wanted) if (!came.has(name)) passedOver.add(name);
  return { ...progress, isExhausted: left.length === wanted.length && progress.missingCount > 0 };
}

function isOfWholeHome({ error }: HealFailure): boolean {
  return isDeskPodError(error) && NOT_ASKED.includes(error.code);
}
