// How many files changed at each checkpoint: counted one after the other for those in sight, and remembered.
import { useEffect, useState } from 'preact/hooks';
import type { Difference } from '../../../src/session/dashboard/contract.ts';
import { get } from '../link/api.ts';
import { isAborted } from '../link/failure.ts';

/** Whoever scrolls by asks for nothing. */
const SETTLE_MS = 600;

const counted = new Map<string, number>();
let turn: Promise<unknown> = Promise.resolve();

/** Two neighbours of a pod's timeline. */
export interface Neighbours {
  readonly pod: string;
  readonly before: number;
  readonly after: number;
}

/** How many paths differ between them; undefined until it is known, or if nobody should be asked. */
export function useChangeCount(neighbours: Neighbours | undefined): number | undefined {
  const { pod, before, after } = neighbours ?? { pod: '', before: 0, after: 0 };
  const key = neighbours === undefined ? '' : `${pod}/changes?before=${before}&after=${after}`;
  const [, setCount] = useState(0);
  useEffect(() => {
    if (key === '' || counted.has(key)) return;
    const control = new AbortController();
    const timer = setTimeout(() => {
      turn = turn.then(() => count(key, control.signal)).then(setCount, ignoreGivenUp);
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [key]);
  return counted.get(key);
}

async function count(key: string, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const { added, removed, retyped, contentChanged, metadataChanged } = await get<Difference>(`pods/${key}`, {
    signal,
  });
  const sum = added + removed + retyped + contentChanged + metadataChanged;
  counted.set(key, sum);
  return sum;
}

/** What cannot be counted is not shown on tiles; the checkpoint's details say why. */
function ignoreGivenUp(thrown: unknown): void {
  if (!isAborted(thrown)) console.warn('dashboard: changes were not counted', thrown);
}
