// The rest of a pod that was restored for use first: packs of older checkpoints, some at a time, beside whatever is done.
import type { ProgressListener } from '../../core/progress.ts';
import type { Home } from '../home/home.ts';
import { healDevice } from '../verify/heal-device.ts';
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
}

/**
 * Fetches some of the packs that are in force and not here, from the first home that has them whole. Each gets its place at
 * once and durably, and nothing of a home that fails counts against the others.
 *
 * @throws DeskPodError SPACE_EXHAUSTED
 */
export async function fetchSomeHistory(
  pod: Pod,
  openHome: (url: string) => Home,
  { onProgress, signal }: { readonly onProgress: ProgressListener; readonly signal: AbortSignal },
): Promise<HistoryProgress> {
  const { repository, state } = pod;
  const missing = [...(await packsNotHere(pod)).keys()];
  if (missing.length === 0) return { missingCount: 0, fetchedCount: 0 };
  onProgress({ step: `fetching the older history, ${missing.length} packs left` });
  const source = {
    ...{ repository, podId: state.podId, onProgress, signal },
    homes: state.homes.map(({ url }) => openHome(url)),
    onHealed: async () => undefined,
  };
  const wanted = missing
    .toReversed()
    .slice(0, PACKS_AT_ONCE)
    .map((name) => ({ kind: 'packs' as const, name }));
  const { healed } = await healDevice(source, wanted);
  return { missingCount: missing.length - healed.length, fetchedCount: healed.length };
}
