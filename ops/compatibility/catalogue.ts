// Every application that is tried, in the order of the table.
import type { Application } from './application.ts';
import { IN_TERMINAL } from './applications/in-terminal.ts';
import { TEXT_EDITORS } from './applications/text-editors.ts';
import { WITHOUT_WINDOW } from './applications/without-window.ts';

export const CATALOGUE: readonly Application[] = [...IN_TERMINAL, ...TEXT_EDITORS, ...WITHOUT_WINDOW];
