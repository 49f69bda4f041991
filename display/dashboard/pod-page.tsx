// What the pages of one pod have in common: its name, the ways between them, and the passphrase where it is locked.
import type { JSX } from 'preact';
import type { PodOverview } from '../../src/session/dashboard/contract.ts';
import { ChartsPage } from './charts/charts-page.tsx';
import { ComparePage } from './compare/compare-page.tsx';
import { EventsPage } from './events/events-page.tsx';
import { FilesPage } from './files/files-page.tsx';
import { WhyPage } from './files/why-page.tsx';
import { findPod, overview } from './link/store.ts';
import { kindName, stateWords } from './overview/pod-words.ts';
import { Icon } from './parts/icons.tsx';
import { UnlockForm } from './parts/unlock-form.tsx';
import { ALL_EVENTS, hrefOf, type Route } from './route.ts';
import { TimelinePage } from './timeline/timeline-page.tsx';

/** Routes that are about a pod. */
export type PodRoute = Exclude<Route, { readonly page: 'overview' | 'unknown' }>;

/** The page of a pod that a route leads to. */
export function PodPage({ route }: { readonly route: PodRoute }): JSX.Element {
  const pod = findPod(route.pod);
  if (overview.value === undefined) return <p class="faint">Looking…</p>;
  if (pod === undefined) return <NoSuchPod />;
  const state = stateWords(pod);
  return (
    <>
      <nav class="way" aria-label="Way back">
        <a href={hrefOf({ page: 'overview' })}>Pods and homes</a>
      </nav>
      <div class="page-head">
        <div class="page-title">
          <Icon name={pod.kind === 'tree' ? 'folder' : 'desktop'} />
          <h1 tabIndex={-1} title={pod.name}>
            <bdi>{pod.name}</bdi>
          </h1>
          <span class={`chip chip-${state.tone}`}>{state.text}</span>
        </div>
        <p class="faint" title={pod.place.path}>
          {kindName(pod)} {pod.place.kind === 'device' ? 'on' : 'in'} <bdi>{pod.place.path}</bdi>
        </p>
      </div>
      <Tabs route={route} />
      {pod.access === 'away' ? <Away /> : null}
      {pod.access === 'locked' ? <Locked pod={pod} /> : <Part pod={pod} route={route} />}
    </>
  );
}

function Tabs({ route }: { readonly route: PodRoute }): JSX.Element {
  const { page, pod } = route;
  const isIn = (pages: readonly Route['page'][]): 'page' | 'true' | undefined =>
    pages[0] === page ? 'page' : pages.includes(page) ? 'true' : undefined;
  return (
    <nav class="tabs" aria-label="Pages of the pod">
      <a
        href={hrefOf({ page: 'timeline', pod })}
        aria-current={isIn(['timeline', 'compare', 'files', 'why'])}
      >
        Timeline
      </a>
      <a href={hrefOf({ page: 'charts', pod })} aria-current={isIn(['charts'])}>
        Charts
      </a>
      <a href={hrefOf({ page: 'events', pod, filter: ALL_EVENTS })} aria-current={isIn(['events'])}>
        Events
      </a>
    </nav>
  );
}

function Part({ pod, route }: { readonly pod: PodOverview; readonly route: PodRoute }): JSX.Element {
  switch (route.page) {
    case 'timeline':
      return <TimelinePage pod={pod} selected={route.checkpoint} />;
    case 'compare':
      return <ComparePage pod={pod} before={route.before} after={route.after} />;
    case 'files':
      return <FilesPage pod={pod} checkpoint={route.checkpoint} path={route.path} />;
    case 'why':
      return <WhyPage pod={pod} checkpoint={route.checkpoint} path={route.path} />;
    case 'charts':
      return <ChartsPage pod={pod} />;
    case 'events':
      return <EventsPage pod={pod} filter={route.filter} />;
  }
}

function Locked({ pod }: { readonly pod: PodOverview }): JSX.Element {
  return (
    <section class="locked" aria-label="Unlock">
      <Icon name="lock" />
      <p>It is locked: what it holds is encrypted, its timeline and its log, too.</p>
      <UnlockForm pod={pod} onUnlocked={() => undefined} />
    </section>
  );
}

function Away(): JSX.Element {
  return (
    <div class="note" role="status">
      <Icon name="attention" class="mark mark-attention" />
      <p class="note-text">
        It is not plugged in now. What is shown is of before; nothing more can be read until it is back. All
        that was saved is on it, and at its homes.
      </p>
    </div>
  );
}

function NoSuchPod(): JSX.Element {
  return (
    <div class="empty">
      <h1 tabIndex={-1}>This pod is not here</h1>
      <p>Nothing is known of it on this computer: it may not be plugged in, or the link is an old one.</p>
      <p>
        <a href={hrefOf({ page: 'overview' })}>All pods and homes</a>
      </p>
    </div>
  );
}
