// Reads what differs between two checkpoints: shown a few times a second, held where it becomes very much, ended when left.
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import type { Difference } from '../../../src/session/dashboard/contract.ts';
import { read } from '../link/api.ts';
import { type Failure, failureOf, isAborted } from '../link/failure.ts';
import { type ChangeGroup, type ChangeRow, rowOf } from './change-rows.ts';

const SHOW_EVERY_MS = 250;
/** More than these nobody looks through; the rest waits on the other side until it is asked for. */
const HOLD_AFTER = 50_000;

/** What was found so far. */
export interface DifferenceSoFar {
  /** Grows in place. */
  readonly changes: ChangeRow[];
  readonly counts: Readonly<Record<ChangeGroup, number>>;
  /** What the whole comes to, once all of it was read. */
  readonly answer: Difference | undefined;
  readonly failure: Failure | undefined;
  /** Nothing more is read until {@link readOn}. */
  readonly isHeld: boolean;
  readonly readOn: () => void;
}

interface Reading {
  readonly key: string;
  readonly changes: ChangeRow[];
  readonly counts: Record<ChangeGroup, number>;
  answer: Difference | undefined;
  failure: Failure | undefined;
  release: (() => void) | undefined;
}

/** `before` and `after` are numbers of checkpoints. */
export function useDifference(pod: string, before: number, after: number): DifferenceSoFar {
  const key = `${pod}/${before}/${after}`;
  const [, show] = useReducer<number, void>((count) => count + 1, 0);
  const [, setKey] = useState('');
  const current = useRef<Reading>(begun(key));
  if (current.current.key !== key) current.current = begun(key);
  useEffect(() => {
    const reading = begun(key);
    current.current = reading;
    setKey(key);
    const control = new AbortController();
    let shownAtMs = 0;
    const take: Parameters<typeof read<'diff'>>[3] = async (items) => {
      for (const item of items) {
        const row = rowOf(item);
        reading.changes.push(row);
        reading.counts[row.group] += 1;
      }
      if (performance.now() - shownAtMs > SHOW_EVERY_MS) {
        shownAtMs = performance.now();
        show();
      }
      const full = Math.floor(reading.changes.length / HOLD_AFTER);
      if (full > Math.floor((reading.changes.length - items.length) / HOLD_AFTER)) {
        show();
        await new Promise<void>((resolve) => {
          reading.release = resolve;
          control.signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    };
    const work = async (): Promise<void> => {
      try {
        const at = { path: '' };
        reading.answer = await read(pod, 'diff', { before, after, at }, take, control.signal);
      } catch (thrown) {
        if (control.signal.aborted || isAborted(thrown)) return;
        reading.failure = failureOf(thrown);
      }
      show();
    };
    void work();
    return () => control.abort();
  }, [key]);
  const { changes, counts, answer, failure, release } = current.current;
  const readOn = (): void => {
    current.current.release = undefined;
    release?.();
    show();
  };
  return { changes, counts, answer, failure, isHeld: release !== undefined, readOn };
}

function begun(key: string): Reading {
  return {
    key,
    changes: [],
    counts: { added: 0, removed: 0, content: 0, rest: 0 },
    answer: undefined,
    failure: undefined,
    release: undefined,
  };
}
