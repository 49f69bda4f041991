// The bar below every page: whether the page hears what happens, and all that runs, has failed, or was just done.
import type { JSX } from 'preact';
import type { Work } from '../../../src/session/dashboard/contract.ts';
import { sentenceOf } from '../link/failure.ts';
import { announcement, connection, findPod, works } from '../link/store.ts';
import { Icon } from '../parts/icons.tsx';
import { progressText, shareDone, workName } from './work-words.ts';
import { dismissWork, paceOf, paceRevision } from './works.ts';

/** Its changes are said aloud as whole sentences, not with every step. */
export function StatusBar(): JSX.Element {
  const shown = [...works.value.values()];
  return (
    <footer class="status-bar">
      <ConnectionState />
      {shown.length === 0 ? null : (
        <ul class="works">
          {shown.map((work) => (
            <li key={work.id}>
              <WorkItem work={work} />
            </li>
          ))}
        </ul>
      )}
      <p class="hidden" role="status" aria-live="polite">
        {announcement.value}
      </p>
    </footer>
  );
}

function ConnectionState(): JSX.Element {
  const state = connection.value;
  switch (state.state) {
    case 'connecting':
      return <p class="connection faint">Connecting…</p>;
    case 'open':
      return (
        <p class="connection faint">
          <span class="lamp lamp-good" aria-hidden="true" />
          {works.value.size === 0 ? 'Nothing runs.' : ''}
        </p>
      );
    case 'ended':
      return (
        <p class="connection">
          <span class="lamp lamp-bad" aria-hidden="true" />
          <strong>{sentenceOf(state.failure.message)}</strong> {sentenceOf(state.failure.hint ?? '')}
        </p>
      );
  }
}

function WorkItem({ work }: { readonly work: Work }): JSX.Element {
  const { id, name, pod, state, progress, error } = work;
  const title = (
    <>
      {workName(name)} of <bdi class="work-pod">{findPod(pod)?.name ?? 'a pod'}</bdi>
    </>
  );
  if (state === 'failed')
    return (
      <p class="work">
        <Icon name="bad" class="mark mark-bad" />
        <span>
          {title} failed: {sentenceOf(error?.message ?? 'nobody knows why')}{' '}
          <span class="faint">{error?.hint === undefined ? '' : sentenceOf(error.hint)}</span>
        </span>
        <button type="button" onClick={() => dismissWork(id)}>
          Understood
        </button>
      </p>
    );
  if (state !== 'running')
    return (
      <p class="work">
        <Icon
          name={state === 'done' ? 'good' : 'unknown'}
          class={`mark mark-${state === 'done' ? 'good' : 'unknown'}`}
        />
        <span>
          {title} {state === 'done' ? 'is done.' : 'is over: its pod says how it went.'}
        </span>
      </p>
    );
  // looked at anew whenever a pace was noted
  const pace = paceRevision.value >= 0 ? paceOf(id) : undefined;
  const share = progress === undefined ? undefined : shareDone(progress);
  return (
    <p class="work">
      <span>
        {title} <span class="faint">{progress === undefined ? 'begins' : progressText(progress, pace)}</span>
      </span>
      <progress
        aria-label={`${workName(name)} of ${findPod(pod)?.name ?? 'a pod'}`}
        max={1}
        {...(share === undefined ? {} : { value: share })}
      />
    </p>
  );
}
