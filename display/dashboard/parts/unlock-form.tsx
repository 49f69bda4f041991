// Asks for a pod's passphrase. It goes to the dashboard's program in one request, and stays nowhere in the page.
import type { JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { PodOverview } from '../../../src/session/dashboard/contract.ts';
import { unlock } from '../link/api.ts';
import type { Failure } from '../link/failure.ts';
import { announce, replacePod } from '../link/store.ts';
import { useAction } from './action.ts';
import { Dialog } from './dialog.tsx';
import { FailureNote } from './failure-note.tsx';

interface UnlockFormProps {
  readonly pod: PodOverview;
  readonly onUnlocked: () => void;
}

/** The field and its button. */
export function UnlockForm({ pod, onUnlocked }: UnlockFormProps): JSX.Element {
  const fieldId = useId();
  const field = useRef<HTMLInputElement>(null);
  const action = useAction();
  useEffect(() => field.current?.focus(), []);
  const submit = (event: Event): void => {
    event.preventDefault();
    const passphrase = field.current?.value ?? '';
    if (passphrase === '' || field.current === null) return;
    action.run('Unlock', async () => {
      try {
        const answer = await unlock(pod.id, passphrase);
        replacePod(answer.pod);
        announce(`${answer.pod.name} is unlocked.`);
        onUnlocked();
      } finally {
        if (field.current !== null) {
          field.current.value = '';
          field.current.focus();
        }
      }
    });
  };
  return (
    <form class="unlock" onSubmit={submit}>
      <label for={fieldId}>Passphrase of {pod.name}</label>
      <div class="field-row">
        <input ref={field} id={fieldId} type="password" autocomplete="off" required maxLength={1024} />
        <button type="submit" class="primary" aria-disabled={action.isBusy} aria-busy={action.isBusy}>
          {action.isBusy ? 'Unlocking…' : 'Unlock'}
        </button>
      </div>
      <p class="faint">It is kept in memory only, until the pod was not used for ten minutes.</p>
      {action.failure === undefined ? null : <FailureNote failure={inWords(action.failure)} />}
    </form>
  );
}

/** A wrong passphrase is a slip of the hand, and no matter of keyrings and slots. */
function inWords(failure: Failure): Failure {
  if (failure.code !== 'PASSPHRASE_WRONG') return failure;
  return {
    ...failure,
    message: 'This is not its passphrase',
    hint: 'Type it again: mind the keyboard layout, and Caps Lock.',
  };
}

/** The form over the page. */
export function UnlockDialog({
  pod,
  onClose,
}: {
  readonly pod: PodOverview;
  readonly onClose: () => void;
}): JSX.Element {
  return (
    <Dialog title="Unlock" onClose={onClose}>
      <UnlockForm pod={pod} onUnlocked={onClose} />
      <div class="dialog-buttons">
        <button type="button" onClick={onClose}>
          Leave it locked
        </button>
      </div>
    </Dialog>
  );
}
