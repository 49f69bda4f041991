// The restore wizard's page: hears what is asked and done, and shows it.
import { render } from 'preact';
import { elementOf } from '../shared/element.ts';
import { App } from './app.tsx';
import { hear } from './wizard.ts';

render(<App />, elementOf('app', HTMLElement));
await hear();
