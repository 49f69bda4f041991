// What a part of the page asks for while it is shown: asked anew when what it is for changes, given up when it leaves.
import { useCallback, useEffect, useState } from 'preact/hooks';
import { type Failure, failureOf, isAborted } from '../link/failure.ts';

/** What was asked for, as far as it came. */
export interface Loaded<Value> {
  /** What came last; it stays while it is asked for once more. */
  readonly value: Value | undefined;
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
  /** Asks once more. */
  readonly again: () => void;
}

interface State<Value> {
  readonly key: string;
  readonly value: Value | undefined;
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
}

/**
 * Asks for something. `key` names what is asked for: with another one, what came before is forgotten. With another
 * `revision` it is asked for again, after `waitMs` in which no further one came.
 */
export function useLoaded<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  key: string,
  revision = '',
  waitMs = 0,
): Loaded<Value> {
  const nothing: State<Value> = { key, value: undefined, failure: undefined, isLoading: true };
  const [state, setState] = useState(nothing);
  const [attempt, setAttempt] = useState(0);
  const current = state.key === key ? state : nothing;
  useEffect(() => {
    const control = new AbortController();
    const begin = async (): Promise<void> => {
      setState((former) => (former.key === key ? { ...former, isLoading: true } : nothing));
      try {
        const value = await load(control.signal);
        if (!control.signal.aborted) setState({ key, value, failure: undefined, isLoading: false });
      } catch (thrown) {
        if (control.signal.aborted || isAborted(thrown)) return;
        const failure = failureOf(thrown);
        setState((former) => ({
          key,
          value: former.key === key ? former.value : undefined,
          failure,
          isLoading: false,
        }));
      }
    };
    const timer = setTimeout(() => void begin(), current.value === undefined ? 0 : waitMs);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [key, revision, attempt]);
  const again = useCallback(() => setAttempt((count) => count + 1), []);
  return { value: current.value, failure: current.failure, isLoading: current.isLoading, again };
}
