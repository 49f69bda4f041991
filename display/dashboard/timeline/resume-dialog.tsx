// Going back to a checkpoint: says first what becomes of the present, then how far it is, then where the desktop is.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Progress } from '../../../src/core/progress.ts';
import type {
  PodOverview,
  ResumeAnswer,
  TimelineCheckpoint,
} from '../../../src/session/dashboard/contract.ts';
import { durationText, momentText } from '../figures.ts';
import { resume } from '../link/api.ts';
import { announce } from '../link/store.ts';
import { useAction } from '../parts/action.ts';
import { Dialog } from '../parts/dialog.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { progressText } from '../work/work-words.ts';

interface ResumeDialogProps {
  readonly pod: PodOverview;
  readonly checkpoint: TimelineCheckpoint;
  readonly onClose: () => void;
}

/** Asks, does it, and hands over the desktop. */
export function ResumeDialog({ pod, checkpoint, onClose }: ResumeDialogProps): JSX.Element {
  const { number, atMs } = checkpoint;
  const action = useAction();
  const [progress, setProgress] = useState<Progress | undefined>(undefined);
  const [answer, setAnswer] = useState<ResumeAnswer | undefined>(undefined);
  const way = useRef<HTMLAnchorElement>(null);
  // the button that had the focus is gone then
  useEffect(() => way.current?.focus(), [answer]);
  const begin = (): void =>
    action.run('Resume', async () => {
      const done = await resume(pod.id, { checkpoint: number }, setProgress);
      announce(`${pod.name} is at checkpoint ${number} again.`);
      setAnswer(done);
    });
  return (
    <Dialog title={`Resume checkpoint ${number}?`} onClose={onClose}>
      {answer === undefined ? (
        <Plan pod={pod} number={number} atMs={atMs} />
      ) : (
        <Done number={number} answer={answer} />
      )}
      {action.isBusy ? (
        <p aria-live="polite">{progress === undefined ? 'Beginning…' : progressText(progress)}</p>
      ) : null}
      {action.failure === undefined ? null : <FailureNote failure={action.failure} />}
      <div class="dialog-buttons">
        <button type="button" onClick={onClose}>
          {answer === undefined ? 'Leave it' : 'Close'}
        </button>
        {answer === undefined ? (
          <button type="button" class="primary" onClick={begin} aria-disabled={action.isBusy}>
            {action.isBusy ? 'Resuming…' : 'Resume'}
          </button>
        ) : (
          <a
            ref={way}
            class="button primary"
            href={answer.url}
            target="_blank"
            rel="noopener"
            onClick={onClose}
          >
            Open desktop
          </a>
        )}
      </div>
    </Dialog>
  );
}

function Plan({
  pod,
  number,
  atMs,
}: {
  readonly pod: PodOverview;
  readonly number: number;
  readonly atMs: number;
}): JSX.Element {
  return (
    <>
      <p>
        Files and programs of <bdi>{pod.name}</bdi> become what they were on {momentText(atMs)}.
      </p>
      <p>
        {pod.known?.isRunning
          ? 'The session that runs now is suspended first, so the present is a checkpoint of its own: '
          : 'What was changed since the last checkpoint is made one first: '}
        to undo this, resume that one. Nothing after checkpoint {number} is lost.
      </p>
    </>
  );
}

function Done({ number, answer }: { readonly number: number; readonly answer: ResumeAnswer }): JSX.Element {
  const { presentCheckpoint, start } = answer;
  return (
    <>
      <p>
        Checkpoint {number} goes on; it took {durationText(start.resumeMs)}.
      </p>
      <p>
        {presentCheckpoint === undefined
          ? 'Nothing had changed since the last checkpoint.'
          : `What was there before is checkpoint ${presentCheckpoint}.`}
      </p>
      {start.warnings.map((warning) => (
        <p key={warning}>{warning}</p>
      ))}
    </>
  );
}
