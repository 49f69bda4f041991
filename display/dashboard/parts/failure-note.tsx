// A failure as people are told of it: what is wrong, and the next step.
import type { ComponentChildren, JSX } from 'preact';
import { type Failure, sentenceOf } from '../link/failure.ts';
import { Icon } from './icons.tsx';

interface FailureNoteProps {
  readonly failure: Failure;
  /** What was to be done, for those who hear it long after they asked. */
  readonly of?: string;
  readonly children?: ComponentChildren;
}

/** Says it at once to those who do not see it, too. */
export function FailureNote({ failure, of, children }: FailureNoteProps): JSX.Element {
  const { code, message, hint } = failure;
  return (
    <div class="note note-bad" role="alert">
      <Icon name="bad" class="mark mark-bad" />
      <div class="note-text">
        <p>
          {of === undefined ? '' : `${of}: `}
          {sentenceOf(message)} <span class="code">{code}</span>
        </p>
        {hint === undefined ? null : <p class="faint">{sentenceOf(hint)}</p>}
        {children}
      </div>
    </div>
  );
}
