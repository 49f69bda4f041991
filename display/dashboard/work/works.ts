// What runs for the pods, as the page is told of it, and how fast it goes.
import { signal } from '@preact/signals';
import { Pace } from '../../../src/core/pace.ts';
import type { Work } from '../../../src/session/dashboard/contract.ts';
import { announce, findPod, works } from '../link/store.ts';
import { workName } from './work-words.ts';

/** What was done is shown a moment longer. */
const DONE_SHOWN_MS = 6000;

const ANNOUNCED: Readonly<Record<Work['state'], string>> = {
  running: 'has begun',
  done: 'is done',
  failed: 'failed',
  over: 'is over',
};

/** The speed of each work that tells of bytes, by its id. */
const paces = new Map<string, { step: string; pace: Pace }>();

/** Goes up whenever a pace was noted. */
export const paceRevision = signal(0);

/** Takes note of what is told of a work. */
export function noteWork(work: Work): void {
  const former = works.peek().get(work.id);
  works.value = new Map(works.peek()).set(work.id, work);
  notePace(work);
  if (former?.state === work.state) return;
  const what = `${workName(work.name)} of ${findPod(work.pod)?.name ?? 'a pod'}`;
  announce(`${what} ${ANNOUNCED[work.state]}${work.error === undefined ? '' : `: ${work.error.message}`}.`);
  if (work.state === 'running') return;
  paces.delete(work.id);
  // a failure stays until somebody has seen it
  if (work.state !== 'failed') setTimeout(() => dismissWork(work.id), DONE_SHOWN_MS);
}

/** Shows a work no longer. */
export function dismissWork(id: string): void {
  const kept = new Map(works.peek());
  kept.delete(id);
  works.value = kept;
}

/** After the connection has ended nobody knows what still runs. */
export function forgetRunningWorks(): void {
  works.value = new Map([...works.peek()].filter(([, work]) => work.state !== 'running'));
  paces.clear();
}

/** How fast a work goes; undefined as long as too little was seen. */
export function paceOf(id: string): Pace | undefined {
  return paces.get(id)?.pace;
}

function notePace({ id, progress }: Work): void {
  if (progress?.doneBytes === undefined) return;
  let entry = paces.get(id);
  if (entry === undefined || entry.step !== progress.step) {
    entry = { step: progress.step, pace: new Pace() };
    paces.set(id, entry);
  }
  entry.pace.note(performance.now(), progress.doneBytes);
  paceRevision.value += 1;
}
