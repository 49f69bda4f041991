// What a person is told when a device meets its home: a title and a sentence for each step that matters.

import type { DockResult, DockState } from './dock-machine.ts';
import { formatBytes, formatDuration } from './quantities.ts';

/** A notification. */
export interface DockWords {
  readonly title: string;
  readonly text: string;
  /** Something is to be done before it can be unplugged, or it was unplugged too early. */
  readonly isUrgent: boolean;
}

/** What is said of a device called `name`; undefined for a step on the way. */
export function dockWords(
  { step, result, problem, reasons, interrupted }: DockState,
  name: string,
): DockWords | undefined {
  switch (step) {
    case 'safe':
      return { title: 'Safe to unplug', text: `${name} is at home${broughtText(result)}.`, isUrgent: false };
    case 'backed-up':
      return {
        title: 'At home',
        text: `${name} is at home${broughtText(result)}. It is in use: suspend or eject it before you unplug it.`,
        isUrgent: false,
      };
    case 'waiting':
      return {
        title: 'Waiting to back up',
        text: `${name}: ${(reasons ?? []).join('; ')}.`,
        isUrgent: false,
      };
    case 'refused':
      return { title: 'Not taken home', text: `${name}: ${problemText(problem)}`, isUrgent: true };
    case 'failed':
      return { title: 'Not at home', text: `${name}: ${problemText(problem)}`, isUrgent: true };
    case 'gone':
      if (interrupted === undefined) return undefined;
      return {
        title: 'Unplugged too early',
        text: `${name} was unplugged while it was ${INTERRUPTED[interrupted] ?? 'worked with'}. Nothing is lost: plug it in again.`,
        isUrgent: true,
      };
    default:
      return undefined;
  }
}

const INTERRUPTED: Readonly<Record<string, string>> = {
  checkpointing: 'checkpointed',
  syncing: 'copied home',
  verifying: 'verified',
};

function broughtText(result: DockResult | undefined): string {
  if (result === undefined || result.sentObjects === 0) return ', and nothing was new';
  return `: ${formatBytes(result.sentBytes)} in ${formatDuration(result.durationMs)}`;
}

function problemText(problem: DockState['problem']): string {
  if (problem === undefined) return 'it could not be taken home.';
  return `${problem.message}.${problem.hint === undefined ? '' : ` ${problem.hint}`}`;
}
