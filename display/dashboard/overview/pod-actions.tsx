// What can be done with a pod from its card, and what came of it.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { PodOverview } from '../../../src/session/dashboard/contract.ts';
import { ask, post, resume } from '../link/api.ts';
import { RequestError } from '../link/failure.ts';
import { announce, canAsk } from '../link/store.ts';
import { useAction } from '../parts/action.ts';
import { Confirm } from '../parts/dialog.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { openTab } from '../parts/open-tab.ts';
import { UnlockDialog } from '../parts/unlock-form.tsx';
import { hrefOf } from '../route.ts';
import { choicesOf } from './pod-words.ts';

/** Which dialog is over the page. */
type Asked = 'unlock' | 'suspend' | 'accept' | undefined;

/** The buttons of a pod's card, and what they said. */
export function PodActions({ pod }: { readonly pod: PodOverview }): JSX.Element {
  const action = useAction();
  const [asked, setAsked] = useState<Asked>(undefined);
  const can = choicesOf(pod);
  const { id, health, known } = pod;
  const remedies = new Set(health.findings.map(({ remedy }) => remedy));
  const doubt = known?.doubt;
  const isDoubtful = doubt !== undefined || action.failure?.code === 'CHECKPOINT_DOUBTFUL';

  const checkpoint = (acceptsChanges: boolean): void =>
    action.run('Checkpoint', async () => {
      const { number, warnings } = await ask(id, 'checkpoint', acceptsChanges ? { acceptsChanges } : {});
      announce([`Checkpoint ${number} of ${pod.name} was made.`, ...warnings].join(' '));
    });
  const sync = (): void =>
    action.run('Sync', async () => {
      const { homes } = await ask(id, 'sync', {});
      for (const home of homes) if ('error' in home) throw new RequestError(home.error);
    });
  const verify = (): void =>
    action.run('Verify', async () => {
      const { damage, place } = await ask(id, 'verify', { depth: 'data', isHealing: true });
      const left = damage.filter(({ healedFrom }) => healedFrom === undefined).length;
      announce(
        left === 0 ? `${pod.name} was verified: all is whole.` : `${left} objects of ${place} are damaged.`,
      );
    });
  const suspend = (): void => action.run('Suspend', async () => void (await ask(id, 'suspend', {})));
  const start = (): void =>
    action.run('Start', () => openTab(async () => (await resume(id, {}, () => undefined)).url));
  const view = (): void =>
    action.run('Open desktop', () => openTab(async () => (await ask(id, 'view', {})).url));
  const lock = (): void => action.run('Lock', async () => void (await post(`pods/${id}/lock`, {})));

  const button = (text: string, onClick: () => void, isFirst = false): JSX.Element => (
    <button
      type="button"
      class={isFirst ? 'primary' : ''}
      onClick={onClick}
      disabled={!canAsk.value}
      aria-disabled={action.isBusy}
      aria-busy={action.isBusy && action.name === text}
    >
      {text}
    </button>
  );
  return (
    <div class="card-foot">
      <div class="actions">
        {can.canUnlock ? button('Unlock', () => setAsked('unlock'), true) : null}
        {can.canView ? button('Open desktop', view, true) : null}
        {can.canStart ? button(known?.session.status === 'none' ? 'Start' : 'Resume', start, true) : null}
        {can.canCheckpoint ? button('Checkpoint', () => checkpoint(false)) : null}
        {can.canSync ? button('Sync', sync, remedies.has('sync') && !can.canView && !can.canStart) : null}
        {can.canCheckpoint && remedies.has('verify') ? button('Verify', verify) : null}
        {can.canSuspend ? button('Suspend', () => setAsked('suspend')) : null}
        {can.canLock ? button('Lock', lock) : null}
        {can.canCheckpoint && isDoubtful ? button('It is right as it is', () => setAsked('accept')) : null}
        {doubt?.number === undefined ? null : (
          <a
            class="button"
            href={hrefOf({ page: 'compare', pod: id, before: doubt.against, after: doubt.number })}
          >
            Compare
          </a>
        )}
      </div>
      {action.failure === undefined ? null : (
        <FailureNote failure={action.failure} of={action.name}>
          <button type="button" onClick={action.forget}>
            Understood
          </button>
        </FailureNote>
      )}
      {asked === 'unlock' ? <UnlockDialog pod={pod} onClose={() => setAsked(undefined)} /> : null}
      {asked === 'suspend' ? (
        <Confirm
          title={`Suspend ${pod.name}?`}
          action="Suspend"
          onConfirm={suspend}
          onClose={() => setAsked(undefined)}
        >
          <p>
            Its windows close, its programs are saved with all that they were doing, and go on when it is
            resumed.
          </p>
          {known?.suspend?.wouldSucceed === false ? (
            <div>
              <p>This is in the way now, and does not pass by itself:</p>
              <ul>
                {known.suspend.obstacles.map(({ sentence }) => (
                  <li key={sentence}>{sentence}</li>
                ))}
              </ul>
            </div>
          ) : null}
        </Confirm>
      ) : null}
      {asked === 'accept' ? (
        <Confirm
          title="Is it right as it is?"
          action="Make the checkpoint"
          onConfirm={() => checkpoint(true)}
          onClose={() => setAsked(undefined)}
        >
          <p>
            What is in {pod.name} now looks like a loss. If that is meant, a checkpoint is made of it, and
            later ones are compared with this one. Earlier checkpoints stay.
          </p>
        </Confirm>
      ) : null}
    </div>
  );
}
