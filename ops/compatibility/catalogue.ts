// Every application that is tried, in the order of the table.
import type { Application } from './application.ts';
import { COUNTERS } from './applications/counters.ts';
import { DOCUMENTS } from './applications/documents.ts';
import { FILE_MANAGERS } from './applications/file-managers.ts';
import { GRAPHICS } from './applications/graphics.ts';
import { IN_TERMINAL } from './applications/in-terminal.ts';
import { INTERPRETERS } from './applications/interpreters.ts';
import { OFFICE } from './applications/office.ts';
import { PLAYERS } from './applications/players.ts';
import { TEXT_EDITORS } from './applications/text-editors.ts';
import { WITHOUT_WINDOW } from './applications/without-window.ts';

export const CATALOGUE: readonly Application[] = [
  ...IN_TERMINAL,
  ...INTERPRETERS,
  ...TEXT_EDITORS,
  ...OFFICE,
  ...DOCUMENTS,
  ...FILE_MANAGERS,
  ...GRAPHICS,
  ...PLAYERS,
  ...COUNTERS,
  ...WITHOUT_WINDOW,
];
