// The dashboard: all pods and homes of this computer, the timeline of each, and what happens now.
import { render } from 'preact';
import { elementOf } from '../shared/element.ts';
import { App } from './app.tsx';
import { startLive } from './link/live.ts';
import { startClock } from './link/store.ts';
import { startRouter } from './router.ts';

startRouter();
startClock();
startLive();
render(<App />, elementOf('app', HTMLElement));
