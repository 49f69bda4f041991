// Something that a button does: once at a time, and with its failure kept until the next attempt.
import { useState } from 'preact/hooks';
import { type Failure, failureOf } from '../link/failure.ts';

/** The state of what a button does. */
export interface Action {
  readonly isBusy: boolean;
  readonly failure: Failure | undefined;
  /** What was being done when it failed. */
  readonly name: string;
  run(name: string, work: () => Promise<void>): void;
  forget(): void;
}

/**
 * One thing at a time; a second one is passed over while the first is under way. Buttons are then `aria-disabled`, as one that
 * is disabled loses the focus.
 */
export function useAction(): Action {
  const [state, setState] = useState<Omit<Action, 'run' | 'forget'>>(IDLE);
  return {
    ...state,
    run: (name, work) => {
      if (state.isBusy) return;
      setState({ isBusy: true, failure: undefined, name });
      work().then(
        () => setState(IDLE),
        (thrown: unknown) => setState({ isBusy: false, failure: failureOf(thrown), name }),
      );
    },
    forget: () => setState(IDLE),
  };
}

const IDLE = { isBusy: false, failure: undefined, name: '' } as const;
