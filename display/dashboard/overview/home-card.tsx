// A home at a glance: where it is, whether it is there, how full it is, and which pods it has.
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { HomeOverview, PodAtHome } from '../../../src/session/dashboard/contract.ts';
import { agoText, countOf, momentText, sizeText } from '../figures.ts';
import { now, overview } from '../link/store.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { Icon } from '../parts/icons.tsx';
import { SpaceBar } from '../parts/space-bar.tsx';

const KINDS: Readonly<Record<HomeOverview['kind'], string>> = {
  folder: 'Folder of this computer',
  ssh: 'On another computer, by ssh',
  daemon: 'On another computer, by rsync',
  twin: 'Twin: a second device',
};

const STATES: Readonly<Record<HomeOverview['state'], { readonly text: string; readonly tone: string }>> = {
  here: { text: 'Here', tone: 'live' },
  elsewhere: { text: 'Elsewhere', tone: 'rest' },
  missing: { text: 'Not there', tone: 'lost' },
  away: { text: 'Not plugged in', tone: 'shut' },
};

/** One home. */
export function HomeCard({ home }: { readonly home: HomeOverview }): JSX.Element {
  const titleId = useId();
  const state = STATES[home.state];
  return (
    <article class="card" aria-labelledby={titleId}>
      <header class="card-head">
        <Icon name="home" />
        <h3 id={titleId} title={home.url}>
          <bdi>{home.url}</bdi>
        </h3>
        <span class={`chip chip-${state.tone}`}>{state.text}</span>
      </header>
      <p class="card-place faint">{KINDS[home.kind]}</p>
      {home.state === 'missing' ? (
        <p>It is not where it should be. If it lies on another drive, mount that.</p>
      ) : null}
      {home.state === 'elsewhere' ? (
        <p class="faint">It is not asked without need: what pods lack there stands with them.</p>
      ) : null}
      {home.pods.length === 0 ? null : (
        <dl class="facts">
          {home.pods.map((pod) => (
            <PodAtHomeFacts key={pod.podId} pod={pod} />
          ))}
        </dl>
      )}
      {home.state === 'here' && home.pods.length === 0 ? (
        <p class="faint">No pod was synced to it yet.</p>
      ) : null}
      {home.space === undefined ? null : <SpaceBar label="Home" space={home.space} />}
      {home.error === undefined ? null : <FailureNote failure={home.error} />}
    </article>
  );
}

function PodAtHomeFacts({ pod }: { readonly pod: PodAtHome }): JSX.Element {
  const { podId, head, sizeBytes, headCount, branchCount } = pod;
  const name = overview.value?.pods.find((each) => each.podId === podId)?.name ?? `pod ${podId.slice(0, 8)}`;
  const extras = [
    ...(headCount > 1 ? [`${countOf(headCount, 'state')} to restore`] : []),
    ...(branchCount > 0 ? [countOf(branchCount, 'branch', 'branches')] : []),
  ];
  return (
    <>
      <dt title={name}>
        <bdi>{name}</bdi>
      </dt>
      <dd title={head === undefined ? '' : momentText(head.receivedAtMs)}>
        {sizeText(sizeBytes)}{' '}
        <span class="faint">
          {head === undefined ? 'no sync has ended yet' : `received ${agoText(head.receivedAtMs, now.value)}`}
          {extras.length === 0 ? '' : `; ${extras.join(', ')}`}
        </span>
      </dd>
    </>
  );
}
