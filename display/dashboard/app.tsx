// The frame of the app: the bar above, the page that the address means, and the bar below.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import icon from '../shared/icon.svg';
import { findPod, overview } from './link/store.ts';
import { OverviewPage } from './overview/overview-page.tsx';
import { PodPage } from './pod-page.tsx';
import { hrefOf, placeOf, type Route } from './route.ts';
import { route } from './router.ts';
import { StatusBar } from './work/status-bar.tsx';

const TITLES: Readonly<Record<Route['page'], string>> = {
  overview: 'Pods and homes',
  timeline: 'Timeline',
  compare: 'Comparison',
  files: 'Files',
  why: 'Why it is here',
  charts: 'Charts',
  events: 'Events',
  unknown: 'Not found',
};

/** All of it. */
export function App(): JSX.Element {
  const main = useRef<HTMLElement>(null);
  const shown = route.value;
  const place = placeOf(shown);
  const isFirst = useRef(true);
  const name = 'pod' in shown ? findPod(shown.pod)?.name : undefined;
  useEffect(() => {
    document.title = [TITLES[shown.page], ...(name === undefined ? [] : [name]), 'DeskPod'].join(' – ');
  }, [shown.page, name]);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    main.current?.scrollTo({ top: 0 });
    // who does not see the page hears where he is now
    const headings = main.current?.querySelectorAll<HTMLElement>('h1[tabindex], h2[tabindex]');
    headings?.[headings.length - 1]?.focus();
  }, [place]);
  return (
    <>
      <header class="app-bar">
        <a
          class="skip"
          href={hrefOf(shown)}
          onClick={(event) => {
            event.preventDefault();
            main.current?.focus();
          }}
        >
          To the content
        </a>
        <a class="brand" href={hrefOf({ page: 'overview' })}>
          <img src={icon} alt="" width={22} height={22} />
          DeskPod
        </a>
        <span class="faint host">{overview.value === undefined ? '' : `on ${overview.value.host}`}</span>
      </header>
      <main ref={main} tabIndex={-1}>
        <div class="page">
          {shown.page === 'overview' ? (
            <OverviewPage />
          ) : shown.page === 'unknown' ? (
            <Unknown />
          ) : (
            <PodPage route={shown} />
          )}
        </div>
      </main>
      <StatusBar />
    </>
  );
}

function Unknown(): JSX.Element {
  return (
    <div class="empty">
      <h1 tabIndex={-1}>There is no such page</h1>
      <p>
        <a href={hrefOf({ page: 'overview' })}>All pods and homes</a>
      </p>
    </div>
  );
}
