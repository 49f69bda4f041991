// A pod at a glance: where it is, how it is, what is not home yet, and what can be done with it.
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { TIER_NAMES } from '../../../src/core/barrier-tier.ts';
import type { HomeOfPod, KnownPod, PodOverview } from '../../../src/session/dashboard/contract.ts';
import { agoText, countText, durationText, momentText, sizeText } from '../figures.ts';
import { now } from '../link/store.ts';
import { Icon } from '../parts/icons.tsx';
import { SpaceBar } from '../parts/space-bar.tsx';
import { hrefOf } from '../route.ts';
import { HealthLine } from './health-line.tsx';
import { PodActions } from './pod-actions.tsx';
import { kindName, lackText, stateWords, verifiedText } from './pod-words.ts';

/** One place of a pod. */
export function PodCard({ pod }: { readonly pod: PodOverview }): JSX.Element {
  const titleId = useId();
  const state = stateWords(pod);
  const { place, known } = pod;
  const isOld = known !== undefined && (pod.access === 'locked' || pod.access === 'away');
  return (
    <article class="card" aria-labelledby={titleId}>
      <header class="card-head">
        <Icon name={pod.kind === 'tree' ? 'folder' : 'desktop'} />
        <h3 id={titleId}>
          <a href={hrefOf({ page: 'timeline', pod: pod.id })} title={pod.name}>
            <bdi>{pod.name}</bdi>
          </a>
        </h3>
        <span class={`chip chip-${state.tone}`}>{state.text}</span>
      </header>
      <p class="card-place faint" title={place.path}>
        {kindName(pod)} {place.kind === 'device' ? 'on' : 'in'} <bdi>{place.path}</bdi>
        {place.space === undefined && place.sizeBytes !== undefined ? `, ${sizeText(place.sizeBytes)}` : ''}
      </p>
      <HealthLine pod={pod} />
      {known === undefined ? null : <Facts known={known} isTwin={pod.isTwin} />}
      {place.space === undefined ? null : (
        <SpaceBar label={place.kind === 'device' ? 'Device' : 'Its file system'} space={place.space} />
      )}
      {isOld ? (
        <p class="faint small" title={momentText(known.atMs)}>
          As it was {agoText(known.atMs, now.value)}.
        </p>
      ) : null}
      <PodActions pod={pod} />
    </article>
  );
}

function Facts({ known, isTwin }: { readonly known: KnownPod; readonly isTwin: boolean }): JSX.Element {
  const { lastCheckpoint, nextCheckpoint, checkpointCount, homes, provenRestore, tier } = known;
  const verified = verifiedText(known, now.value);
  return (
    <dl class="facts">
      <dt>Last checkpoint</dt>
      {lastCheckpoint === undefined ? (
        <dd>none yet</dd>
      ) : (
        <dd title={momentText(lastCheckpoint.atMs)}>
          {agoText(lastCheckpoint.atMs, now.value)}
          <span class="faint">
            , number {lastCheckpoint.number}
            {checkpointCount === lastCheckpoint.number ? '' : `, ${countText(checkpointCount)} are kept`}
          </span>
        </dd>
      )}
      {nextCheckpoint === undefined ? null : (
        <>
          <dt>Next by itself</dt>
          <dd title={nextCheckpoint.words}>{momentText(nextCheckpoint.atMs)}</dd>
        </>
      )}
      {isTwin ? null : <NotHomeYet homes={homes} />}
      <dt>Verified</dt>
      <dd class={verified === undefined ? 'faint' : ''}>{verified ?? 'never'}</dd>
      <dt>Restore proven</dt>
      {provenRestore === undefined ? (
        <dd class="faint">not on this device</dd>
      ) : (
        <dd title={momentText(provenRestore.atMs)}>
          {agoText(provenRestore.atMs, now.value)}{' '}
          <span class="faint">
            from <bdi>{provenRestore.url}</bdi>, checkpoint {provenRestore.checkpoint}
            {provenRestore.durationMs === undefined
              ? ''
              : `; would take ${durationText(provenRestore.durationMs)}`}
          </span>
        </dd>
      )}
      {tier === undefined ? null : (
        <>
          <dt>Barrier</dt>
          <dd>{TIER_NAMES[tier]}</dd>
        </>
      )}
    </dl>
  );
}

function NotHomeYet({ homes }: { readonly homes: readonly HomeOfPod[] }): JSX.Element {
  return (
    <>
      <dt>Not home yet</dt>
      {homes.length === 0 ? <dd>everything: it has no home</dd> : null}
      {homes.map((home) => (
        <dd
          key={home.url}
          title={home.syncedAtMs === undefined ? 'never synced' : momentText(home.syncedAtMs)}
        >
          {lackText(home, now.value)}{' '}
          <span class="faint">
            <bdi>{home.url}</bdi>
            {home.isAway ? ', not plugged in' : ''}
            {home.syncedAtMs === undefined ? '' : `, synced ${agoText(home.syncedAtMs, now.value)}`}
          </span>
        </dd>
      ))}
    </>
  );
}
