// How the space that a pod takes, and what changes in it, went over time.
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { PodOverview, Timeline } from '../../../src/session/dashboard/contract.ts';
import { countText, durationText, sizeText } from '../figures.ts';
import { get } from '../link/api.ts';
import { now } from '../link/store.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { useLoaded } from '../parts/loaded.ts';
import { revisionOf } from '../timeline/timeline-page.tsx';
import { gather } from './buckets.ts';
import { Chart } from './chart.tsx';

const SPANS_MAX = 120;
const RELOAD_WAIT_MS = 2000;

/** The charts are made of what checkpoints say of themselves, so they go back as far as those do. */
export function ChartsPage({ pod }: { readonly pod: PodOverview }): JSX.Element {
  const { value, failure, again } = useLoaded<Timeline>(
    (signal) => get(`pods/${pod.id}/timeline`, { signal }),
    `${pod.id}/${pod.access === 'locked'}`,
    revisionOf(pod),
    RELOAD_WAIT_MS,
  );
  const buckets = useMemo(() => gather(value?.checkpoints ?? [], SPANS_MAX, now.peek()), [value]);
  if (value === undefined)
    return failure === undefined ? (
      <p class="faint">Reading the timeline…</p>
    ) : (
      <FailureNote failure={failure} of="The timeline could not be read">
        <button type="button" onClick={again}>
          Read it again
        </button>
      </FailureNote>
    );
  if (buckets.length === 0) return <p class="empty">There are no checkpoints to draw yet.</p>;
  const hasPauses = buckets.some(({ pauseMs }) => pauseMs > 0);
  return (
    <div class="charts">
      <Chart
        title="Change"
        about="What each span of time added to the repository."
        kind="bars"
        buckets={buckets}
        measure={({ storedBytes }) => storedBytes}
        textOf={sizeText}
      />
      <Chart
        title="Space"
        about="What all checkpoints that are kept have added to the repository."
        kind="area"
        buckets={buckets}
        measure={({ totalBytes }) => totalBytes}
        textOf={sizeText}
      />
      <Chart
        title="Content"
        about={pod.kind === 'tree' ? 'Length of all files.' : 'Length of all files and of the session.'}
        kind="area"
        buckets={buckets}
        measure={({ contentBytes }) => contentBytes}
        textOf={sizeText}
      />
      <Chart
        title="Files"
        about="How many files there are."
        kind="area"
        buckets={buckets}
        measure={({ fileCount }) => fileCount}
        textOf={(value) => countText(Math.round(value))}
      />
      {hasPauses ? (
        <Chart
          title="Standing still"
          about="The longest time that the session stood still for a checkpoint."
          kind="bars"
          buckets={buckets}
          measure={({ pauseMs }) => pauseMs}
          textOf={durationText}
        />
      ) : null}
    </div>
  );
}
